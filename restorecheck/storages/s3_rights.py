"""Whether the credentials for a bucket could also change it. Asks IAM; writes nothing.

Source: docs.aws.amazon.com/IAM/latest/APIReference, SimulatePrincipalPolicy. It uses the policies of the user or role,
not those of the bucket and of the organization.
"""

from contextlib import closing
from typing import Any

from restorecheck.aws.session.translation import attempting
from restorecheck.storages.s3_calls import S3Calls

CHANGES = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")


def changes_allowed(calls: S3Calls, bucket: str, prefix: str) -> list[str]:
    """The actions of `CHANGES` that the caller may do there. Raises as `attempting`."""
    with attempting("ask IAM for the rights of this caller"):
        with closing(calls.beside("sts")) as sts:
            caller = sts.get_caller_identity()["Arn"]
        if caller.endswith(":root"):
            return [*CHANGES]
        partition = caller.split(":")[1]
        with closing(calls.beside("iam")) as iam:
            answer: dict[str, Any] = iam.simulate_principal_policy(
                PolicySourceArn=_source_of(caller),
                ActionNames=[*CHANGES],
                ResourceArns=[f"arn:{partition}:s3:::{bucket}/{prefix}x"],
            )
    results = answer["EvaluationResults"]
    return [one["EvalActionName"] for one in results if one["EvalDecision"] == "allowed"]


def _source_of(caller: str) -> str:
    """The role of an assumed-role ARN, which omits the role's path; IAM does not accept roles with a path."""
    head, _, name = caller.partition(":assumed-role/")
    if not name:
        return caller
    return f"{head.replace(':sts:', ':iam:')}:role/{name.partition('/')[0]}"
