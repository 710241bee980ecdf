// One simulation a line in, one verdict a line out. NODE_MODULES says where the simulator lies.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import readline from 'node:readline'

const require = createRequire(process.env.NODE_MODULES + '/')
const { runSimulation } = await import(pathToFileURL(require.resolve('@cloud-copilot/iam-simulate')))
for await (const line of readline.createInterface({ input: process.stdin })) {
  const simulation = JSON.parse(line)
  let answer
  try {
    const result = await runSimulation(simulation, {})
    answer = { verdict: result.overallResult ?? '', errors: result.errors ?? null }
  } catch (error) {
    answer = { verdict: '', errors: String(error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
