-- What a database looks like: name and definition of everything of each kind that pg_dump writes,
-- as PostgreSQL's own functions give them. Each block begins with the kind, and the first major
-- version that has its catalogs where that is not 13. A third column is only kept as a digest.
--
-- {own}: schemas of users. {made pg_class c}: made by users, not by an extension. {name a, b}: a full
-- name. All of these are in describing.py. Columns that only later versions have are read out of
-- to_jsonb(row), or named in a subquery with a column of the same name outside: that one is taken
-- where the catalog has none.

-- name: database
select x.name, x.value from pg_database d, lateral (values
  ('encoding', pg_encoding_to_char(d.encoding)),
  ('locale', concat_ws(' ', d.datcollate, d.datctype, to_jsonb(d)->>'datlocprovider',
    coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'), to_jsonb(d)->>'daticurules')),
  ('page checksums', current_setting('data_checksums')),
  ('connection limit', nullif(d.datconnlimit, -1)::text),
  ('is a template', nullif(d.datistemplate, false)::text),
  ('tablespace', (select s.spcname from pg_tablespace s where s.oid = d.dattablespace and s.spcname <> 'pg_default'))
) x(name, value) where d.datname = current_database() and x.value is not null

-- name: schema
select {name n.nspname}, null from pg_namespace n where {own} and not {installed pg_namespace n}

-- name: table
select {name n.nspname, c.relname}, concat_ws(' ', c.relkind, nullif(c.relpersistence, 'p'),
  case when c.relkind = 'm' and not c.relispopulated then 'not populated' end,
  pg_get_partkeydef(c.oid),
  (select case when c.relispartition then 'partition of ' else 'inherits ' end
      || string_agg({name hn.nspname, h.relname}, ', ' order by i.inhseqno)
    from pg_inherits i join pg_class h on h.oid = i.inhparent join pg_namespace hn on hn.oid = h.relnamespace
    where i.inhrelid = c.oid),
  pg_get_expr(c.relpartbound, c.oid), 'of ' || format_type(nullif(c.reloftype, 0), null),
  case when c.relkind in ('r', 'm') and c.relreplident <> 'd' then 'replica identity ' || c.relreplident::text end,
  (select 'access method ' || m.amname from pg_am m where m.oid = c.relam and m.amname <> 'heap'),
  (select string_agg(o, ',' order by o) from (
    select unnest(c.reloptions) union all select 'toast.' || unnest(t.reloptions) from pg_class t where t.oid = c.reltoastrelid
  ) x(o) where o !~ '^security_'))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: row security
select {name n.nspname, c.relname}, concat_ws(' ', case when c.relrowsecurity then 'on' end,
  case when c.relforcerowsecurity then 'forced' end)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (c.relrowsecurity or c.relforcerowsecurity) and {own}

-- name: view security
select {name n.nspname, c.relname}, (select string_agg(o, ' ' order by o) from (
  select option_name from pg_options_to_table(c.reloptions)
    where option_name in ('security_barrier', 'security_invoker') and option_value::boolean) x(o))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and c.reloptions::text ~ 'security_(barrier|invoker)' and {own} and {made pg_class c}
  and exists (select from pg_options_to_table(c.reloptions)
    where option_name in ('security_barrier', 'security_invoker') and option_value::boolean)

-- name: tablespace of
select case when i.indrelid is null then {name n.nspname, c.relname} else {name n.nspname, t.relname, c.relname} end, s.spcname
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_tablespace s on s.oid = c.reltablespace
left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid
where c.relkind in ('r', 'p', 'm', 'i', 'I') and c.relpersistence <> 't' and {own}

-- name: foreign table
select {name n.nspname, c.relname}, 'on ' || s.srvname, (select string_agg(o, ', ' order by o) from unnest(f.ftoptions) o)
from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver
join pg_class c on c.oid = f.ftrelid join pg_namespace n on n.oid = c.relnamespace where {own} and {made pg_class c}

-- name: column
-- A default names no column; for a table, pg_get_expr would name all of them first (ruleutils.c, deparse_context_for).
-- Options that begin with pg_ are the server's own: 15.20 notes pg_attver there, and pg_dump leaves it out.
select {name n.nspname, c.relname, a.attname}, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
  case when a.attnotnull then 'not null' end,
  (select concat_ws(' ', case when not k.convalidated then 'not checked' end, case when k.connoinherit then 'no inherit' end)
    from pg_constraint k where k.conrelid = c.oid and k.contype = 'n' and k.conkey = array[a.attnum]
      and (k.connoinherit or not k.convalidated)),
  nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
  (select 'default ' || pg_get_expr(d.adbin, case a.attgenerated when '' then 0 else d.adrelid end) from pg_attrdef d
    where d.adrelid = a.attrelid and d.adnum = a.attnum),
  (select 'collation ' || {name ln.nspname, l.collname} from pg_collation l join pg_namespace ln on ln.oid = l.collnamespace
    where l.oid = a.attcollation and t.typcollation <> l.oid),
  case when a.attstorage <> t.typstorage then 'storage ' || a.attstorage::text end,
  'compression ' || nullif(a.compression, ''),
  'statistics ' || nullif(a.attstattarget, -1),
  case when a.attislocal and a.attinhcount > 0 and not c.relispartition then 'its own too' end,
  case when a.attoptions is not null or a.attfdwoptions is not null then
    (select string_agg(o, ',' order by o) from (select unnest(a.attoptions) union all select unnest(a.attfdwoptions)) x(o)
      where o !~ '^pg_') end)
from (select null as attcompression) missing, lateral (select *, attcompression::text as compression from pg_attribute) a
join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'm', 'v', 'f')
  and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: constraint
select {name n.nspname, c.relname, k.conname}, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype in ('c', 'f', 'p', 'u', 'x') and (k.contype <> 'f' or k.conparentid = 0)
  and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: not null
select {name n.nspname, c.relname, a.attname}, k.conname
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
where k.contype = 'n' and k.conislocal and k.conname <> c.relname || '_' || a.attname || '_not_null' and {own} and {made pg_class c}

-- name: clustered
select {name n.nspname, c.relname}, x.relname
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace where i.indisclustered and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: index
select {name n.nspname, c.relname, x.relname}, concat_ws(' ', pg_get_indexdef(x.oid),
  case when not i.indisvalid then 'invalid' end, case when not i.indisready then 'not ready' end,
  case when i.indisreplident then 'replica identity' end,
  (select 'part of ' || h.relname from pg_inherits p join pg_class h on h.oid = p.inhparent where p.inhrelid = x.oid),
  (select 'statistics ' || string_agg(a.attnum || ': ' || a.attstattarget, ', ' order by a.attnum)
    from pg_attribute a where a.attrelid = x.oid and a.attstattarget >= 0))
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace where c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: trigger
select {name n.nspname, c.relname, t.tgname}, concat_ws(' ', pg_get_triggerdef(t.oid), nullif(t.tgenabled, 'O'))
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_trigger p on p.oid = (to_jsonb(t)->>'tgparentid')::oid
where (not t.tgisinternal or t.tgconstraint = 0) and (p.oid is null or p.tgenabled <> t.tgenabled)
  and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: system trigger
select {name n.nspname, c.relname, regexp_replace(t.tgname, '_[0-9]+$', '')}, string_agg(t.tgenabled::text, '' order by t.tgname)
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where t.tgisinternal and t.tgconstraint <> 0 and t.tgenabled <> 'O' and {own} and {made pg_class c} group by 1

-- name: policy
select {name n.nspname, c.relname, p.polname}, concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end,
    'for', case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end,
    'to', (select string_agg(g.who, ', ' order by g.who collate "C")
      from (select case when r = 0 then 'PUBLIC' else {role pg_get_userbyid(r)} end from unnest(p.polroles) r) g(who)),
    case when pg_get_expr(p.polqual, p.polrelid) = 'true' then 'using (true)' end,
    case when pg_get_expr(p.polwithcheck, p.polrelid) = 'true' then 'with check (true)' end),
  nullif(concat_ws(' ', 'using ' || nullif(pg_get_expr(p.polqual, p.polrelid), 'true'),
    'with check ' || nullif(pg_get_expr(p.polwithcheck, p.polrelid), 'true')), '')
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where {own}

-- name: view
select {name n.nspname, c.relname}, null, pg_get_viewdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: rule
select {name n.nspname, c.relname, r.rulename}, nullif(r.ev_enabled, 'O'), pg_get_ruledef(r.oid)
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: statistics
select {name n.nspname, c.relname, {placed sn.nspname, s.stxname}},
  concat_ws(' ', pg_get_statisticsobjdef(s.oid), 'target ' || nullif((to_jsonb(s)->>'stxstattarget')::int, -1))
from pg_statistic_ext s join pg_class c on c.oid = s.stxrelid join pg_namespace n on n.oid = c.relnamespace
join pg_namespace sn on sn.oid = s.stxnamespace where {own} and {made pg_statistic_ext s}

-- name: function
select {function n.nspname, p}, concat_ws(' ', p.prokind, 'returns', pg_get_function_result(p.oid), l.lanname, p.provolatile,
    case when p.proisstrict then 'strict' end, case when p.proleakproof then 'leakproof' end,
    nullif('parallel ' || p.proparallel::text, 'parallel u')),
  concat_ws(E'\n', pg_get_function_arguments(p.oid), p.procost, p.prorows, p.prosupport, (select string_agg(format_type(x, null), ', ') from unnest(p.protrftypes) x),
    (select string_agg(s, ', ' order by s) from unnest(p.proconfig) s), p.probin,
    case when to_jsonb(p)->>'prosqlbody' is null then p.prosrc else (select pg_get_functiondef(p.oid)) end,
    (select concat_ws(' ', g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn,
        g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn, g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify,
        g.aggsortop::regoperator, format_type(g.aggtranstype, null), g.aggtransspace, format_type(nullif(g.aggmtranstype, 0), null),
        g.aggmtransspace, 'from ' || g.agginitval, 'moving from ' || g.aggminitval)
      from pg_aggregate g where g.aggfnoid = p.oid))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where {own} and {made pg_proc p}

-- name: security definer
select {function n.nspname, p}, 'yes' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prosecdef and {own} and {made pg_proc p}

-- name: sequence
select {name n.nspname, c.relname}, concat_ws(' ', format_type(q.seqtypid, null), 'from', q.seqstart, 'by', q.seqincrement,
  'in', q.seqmin, q.seqmax, case when q.seqcycle then 'cycle' end, 'cache ' || nullif(q.seqcache, 1), nullif(c.relpersistence, 'p'))
from pg_sequence q join pg_class c on c.oid = q.seqrelid join pg_namespace n on n.oid = c.relnamespace
where c.relpersistence <> 't' and {own} and {made pg_class c} and not exists (select from pg_depend d
  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
    and d.refobjsubid > 0 and d.deptype in ('a', 'i'))

-- name: owned sequence
select {name tn.nspname, t.relname, a.attname, {placed n.nspname, c.relname, tn.nspname}},
  concat_ws(' ', format_type(q.seqtypid, null), 'from', q.seqstart, 'by', q.seqincrement,
  'in', q.seqmin, q.seqmax, case when q.seqcycle then 'cycle' end, 'cache ' || nullif(q.seqcache, 1), nullif(c.relpersistence, 'p'))
from pg_sequence q join pg_class c on c.oid = q.seqrelid join pg_namespace n on n.oid = c.relnamespace
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
  and d.refobjsubid > 0 and d.deptype in ('a', 'i')
join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
where c.relpersistence <> 't' and {own} and {made pg_class c}

-- name: type
select {name n.nspname, t.typname}, concat_ws(' ', t.typtype,
  (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
  case when t.typtype = 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
    case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
    (select string_agg({name k.conname} || ' ' || pg_get_constraintdef(k.oid), ' ' order by k.conname)
      from pg_constraint k where k.contypid = t.oid and k.contype = 'c'),
    (select 'collation ' || {name ln.nspname, l.collname} from pg_collation l join pg_namespace ln on ln.oid = l.collnamespace
      join pg_type b on b.oid = t.typbasetype where l.oid = t.typcollation and b.typcollation <> l.oid)) end,
  (select string_agg(concat_ws(' ', {name a.attname}, format_type(a.atttypid, a.atttypmod),
      (select 'collation ' || {name ln.nspname, l.collname} from pg_collation l join pg_namespace ln on ln.oid = l.collnamespace
        join pg_type b on b.oid = a.atttypid where l.oid = a.attcollation and b.typcollation <> l.oid)), ', ' order by a.attnum)
    from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped),
  (select concat_ws(' ', 'of', format_type(r.rngsubtype, null), {name o.opcname}, (select {name l.collname} from pg_collation l where l.oid = r.rngcollation),
      r.rngcanonical, r.rngsubdiff, 'multirange ' || format_type((to_jsonb(r)->>'rngmultitypid')::oid, null))
    from pg_range r join pg_opclass o on o.oid = r.rngsubopc where r.rngtypid = t.oid),
  case when t.typtype = 'b' then concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze,
    to_jsonb(t)->>'typsubscript', t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typdelim,
    'of ' || format_type(nullif(t.typelem, 0), null), 'default ' || t.typdefault) end)
from pg_type t join pg_namespace n on n.oid = t.typnamespace where {standing t} and {own} and {made pg_type t}

-- name: extension
select e.extname, e.extversion || ' in ' || {name n.nspname}
from pg_extension e join pg_namespace n on n.oid = e.extnamespace

-- name: event trigger
select e.evtname, concat_ws(' ', e.evtevent, e.evtenabled, e.evtfoid::regprocedure, (select string_agg(t, ',' order by t) from unnest(e.evttags) t))
from pg_event_trigger e where {made pg_event_trigger e}

-- name: publication
select p.pubname, concat_ws(' ', case when p.puballtables then 'all tables' end, case when p.pubinsert then 'insert' end,
  case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end,
  case when p.pubviaroot then 'via root' end, nullif('generated columns ' || coalesce(to_jsonb(p)->>'pubgencols', 'n'), 'generated columns n'))
from pg_publication p where {made pg_publication p}

-- name: publication table
select {name n.nspname, c.relname, p.pubname}, nullif(concat_ws(' ', 'columns ' || r.columns, 'where ' || r.filter), '')
from (select null::pg_node_tree as prqual, null::int2vector as prattrs) missing, lateral (
  select prpubid, prrelid, pg_get_expr(prqual, prrelid), (select string_agg({name a.attname}, ', ' order by a.attnum)
    from pg_attribute a where a.attrelid = prrelid and a.attnum = any (prattrs::int2[])) from pg_publication_rel
) r(pub, rel, filter, columns)
join pg_publication p on p.oid = r.pub join pg_class c on c.oid = r.rel join pg_namespace n on n.oid = c.relnamespace

-- name: publication schema, from 15
select {name p.pubname, n.nspname}, null
from pg_publication_namespace r join pg_publication p on p.oid = r.pnpubid join pg_namespace n on n.oid = r.pnnspid

-- name: subscription
-- Not the whole row: only superusers may read the connection string. Off and parallel streaming are one: 18 has another default.
select s.name, concat_ws(' ', 'to ' || s.publications, 'slot ' || s.slot, nullif('commit ' || s.commit, 'commit off'), nullif('binary ' || s.b, 'binary f'),
  case when s.s = 't' then 'streaming' end, nullif('two phase ' || s.t, 'two phase d'), nullif('disable on error ' || s.d, 'disable on error f'),
  nullif('password required ' || s.p, 'password required t'), nullif('run as owner ' || s.o, 'run as owner f'),
  nullif('origin ' || s.origin, 'origin any'), nullif('failover ' || s.f, 'failover f'))
from (select null as subbinary, null as substream, null as subtwophasestate, null as subdisableonerr, null as subpasswordrequired,
  null as subrunasowner, null as suborigin, null as subfailover) missing, lateral (
  select subname, (select string_agg(x, ', ' order by x) from unnest(subpublications) x), subslotname, subsynccommit,
    left(subbinary::text, 1), left(substream::text, 1), replace(left(subtwophasestate::text, 1), 'p', 'e'), left(subdisableonerr::text, 1),
    left(subpasswordrequired::text, 1), left(subrunasowner::text, 1), suborigin::text, left(subfailover::text, 1)
  from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
) s(name, publications, slot, commit, b, s, t, d, p, o, origin, f)

-- name: subscription connection
select s.subname, null, s.subconninfo from pg_subscription s where s.subdbid = (select oid from pg_database where datname = current_database())

-- name: foreign data wrapper
select w.fdwname, concat_ws(' ', 'handler ' || nullif(w.fdwhandler, 0)::regproc, 'validator ' || nullif(w.fdwvalidator, 0)::regproc),
  (select string_agg(o, ', ' order by o) from unnest(w.fdwoptions) o)
from pg_foreign_data_wrapper w where {made pg_foreign_data_wrapper w}

-- name: foreign server
select s.srvname, concat_ws(' ', w.fdwname, 'type ' || s.srvtype, 'version ' || s.srvversion),
  (select string_agg(o, ', ' order by o) from unnest(s.srvoptions) o)
from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw where {made pg_foreign_server s}

-- name: user mapping
select case when u.umuser = 0 then 'PUBLIC' else {role u.usename} end || ' on ' || u.srvname, null from pg_user_mappings u

-- name: user mapping options
select case when u.umuser = 0 then 'PUBLIC' else {role pg_get_userbyid(u.umuser)} end || ' on ' || s.srvname, null,
  (select string_agg(o, ', ' order by o) from unnest(u.umoptions) o)
from pg_user_mapping u join pg_foreign_server s on s.oid = u.umserver where u.umoptions is not null

-- name: language
select l.lanname, concat_ws(' ', case when l.lanpltrusted then 'trusted' end, nullif(l.lanplcallfoid, 0)::regproc,
  'inline ' || nullif(l.laninline, 0)::regproc, 'validator ' || nullif(l.lanvalidator, 0)::regproc)
from pg_language l where {made pg_language l}

-- name: cast
select format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null),
  concat_ws(' ', c.castcontext, c.castmethod, nullif(c.castfunc, 0)::regprocedure)
from pg_cast c where {made pg_cast c}

-- name: transform
select format_type(t.trftype, null) || ' in ' || l.lanname, concat_ws(' ', 'from ' || nullif(t.trffromsql, 0)::regproc, 'to ' || nullif(t.trftosql, 0)::regproc)
from pg_transform t join pg_language l on l.oid = t.trflang where {made pg_transform t}

-- name: access method
select m.amname, concat_ws(' ', m.amtype, m.amhandler) from pg_am m where {made pg_am m}

-- name: collation
select {name n.nspname, l.collname}, concat_ws(' ', l.collprovider,
  coalesce(to_jsonb(l)->>'colllocale', to_jsonb(l)->>'colliculocale', l.collcollate), case when l.collprovider = 'c' then l.collctype end,
  to_jsonb(l)->>'collicurules', case when not l.collisdeterministic then 'not deterministic' end)
from pg_collation l join pg_namespace n on n.oid = l.collnamespace where {own} and {made pg_collation l}

-- name: conversion
select {name n.nspname, c.conname}, concat_ws(' ', pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding),
  c.conproc, case when c.condefault then 'default' end)
from pg_conversion c join pg_namespace n on n.oid = c.connamespace where {own} and {made pg_conversion c}

-- name: operator
select {operator n.nspname, o}, concat_ws(' ', o.oprcode, 'commutator ' || nullif(o.oprcom, 0)::regoperator,
  'negator ' || nullif(o.oprnegate, 0)::regoperator, o.oprrest, o.oprjoin, case when o.oprcanmerge then 'merges' end,
  case when o.oprcanhash then 'hashes' end)
from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where {own} and {made pg_operator o}

-- name: operator family
select {name n.nspname, f.opfname} || ' using ' || m.amname, null, concat_ws(E'\n',
  (select string_agg(concat_ws(' ', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose, o.amopsortfamily > 0), E'\n'
      order by o.amopstrategy, o.amopopr::regoperator::text) from pg_amop o where o.amopfamily = f.oid),
  (select string_agg(concat_ws(' ', p.amprocnum, format_type(p.amproclefttype, null), format_type(p.amprocrighttype, null), p.amproc::regprocedure), E'\n'
      order by p.amprocnum, p.amproc::regprocedure::text) from pg_amproc p where p.amprocfamily = f.oid))
from pg_opfamily f join pg_am m on m.oid = f.opfmethod join pg_namespace n on n.oid = f.opfnamespace
where {own} and {made pg_opfamily f}

-- name: operator class
select {name n.nspname, o.opcname} || ' using ' || m.amname, concat_ws(' ', case when o.opcdefault then 'default' end,
  'for', format_type(o.opcintype, null), 'storage ' || format_type(nullif(o.opckeytype, 0), null), 'in', {name fn.nspname, f.opfname})
from pg_opclass o join pg_am m on m.oid = o.opcmethod join pg_namespace n on n.oid = o.opcnamespace
join pg_opfamily f on f.oid = o.opcfamily join pg_namespace fn on fn.oid = f.opfnamespace
where {own} and {made pg_opclass o}

-- name: text search parser
select {name n.nspname, p.prsname}, concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
from pg_ts_parser p join pg_namespace n on n.oid = p.prsnamespace where {own} and {made pg_ts_parser p}

-- name: text search template
select {name n.nspname, t.tmplname}, concat_ws(' ', t.tmplinit, t.tmpllexize)
from pg_ts_template t join pg_namespace n on n.oid = t.tmplnamespace where {own} and {made pg_ts_template t}

-- name: text search dictionary
select {name n.nspname, d.dictname}, concat_ws(' ', {name tn.nspname, t.tmplname}, d.dictinitoption)
from pg_ts_dict d join pg_namespace n on n.oid = d.dictnamespace join pg_ts_template t on t.oid = d.dicttemplate
join pg_namespace tn on tn.oid = t.tmplnamespace where {own} and {made pg_ts_dict d}

-- name: text search configuration
select {name n.nspname, c.cfgname}, concat_ws(' ', {name pn.nspname, p.prsname},
  (select string_agg(m.maptokentype || ' ' || m.mapdict::regdictionary, ', ' order by m.maptokentype, m.mapseqno)
    from pg_ts_config_map m where m.mapcfg = c.oid))
from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace join pg_ts_parser p on p.oid = c.cfgparser
join pg_namespace pn on pn.oid = p.prsnamespace where {own} and {made pg_ts_config c}

-- name: comment
select {addressed d.classoid, d.objoid, d.objsubid}, null, d.description
from pg_description d, pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) i
where (d.objoid >= 16384 or d.classoid = 'pg_namespace'::regclass and d.objoid = 'public'::regnamespace
    and d.description <> 'standard public schema')
  and not exists (select from pg_depend e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')
union all
select {addressed d.classoid, d.objoid, 0}, null, d.description
from pg_shdescription d, pg_identify_object_as_address(d.classoid, d.objoid, 0) i
where d.objoid >= 16384 and (d.classoid <> 'pg_database'::regclass
  or d.objoid = (select oid from pg_database where datname = current_database()))

-- name: security label
select {addressed d.classoid, d.objoid, d.objsubid}, string_agg(d.provider || ': ' || d.label, ', ' order by d.provider)
from (select classoid, objoid, objsubid, provider, label from pg_seclabel
  union all select classoid, objoid, 0, provider, label from pg_shseclabel
    where classoid <> 'pg_database'::regclass or objoid = (select oid from pg_database where datname = current_database())) d,
  pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) i group by 1

-- name: rights
-- An ACL that is NULL is the default one. Of extensions and the system itself: what is no longer as it was installed.
with object(kind, name, type, owner, acl, class, oid, place, own) as (
  select case when c.relkind <> 'S' then 'table' when d.objid is null then 'sequence' else 'owned sequence' end,
    case when d.objid is null then {name n.nspname, c.relname}
      else {name tn.nspname, t.relname, a.attname, {placed n.nspname, c.relname, tn.nspname}} end,
    case when c.relkind = 'S' then 's' else 'r' end::"char", c.relowner, c.relacl, 'pg_class'::regclass, c.oid, 0,
    {own} and {made pg_class c}
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join pg_depend d on c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
  left join pg_class t on t.oid = d.refobjid left join pg_namespace tn on tn.oid = t.relnamespace
  left join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
  where c.relkind in ('r', 'p', 'm', 'v', 'f', 'S') and c.relpersistence <> 't'
  union all select 'column', {name n.nspname, c.relname, a.attname}, 'c', c.relowner, a.attacl, 'pg_class'::regclass, c.oid, a.attnum,
    {own} and {made pg_class c}
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where a.attacl is not null and not a.attisdropped and c.relpersistence <> 't'
  union all select 'function', {function n.nspname, p}, 'f', p.proowner, p.proacl, 'pg_proc'::regclass, p.oid, 0, {own} and {made pg_proc p}
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.proacl is not null or {made pg_proc p}
  union all select 'type', {name n.nspname, t.typname}, 'T', t.typowner, t.typacl, 'pg_type'::regclass, t.oid, 0, {own} and {made pg_type t}
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where (t.typacl is not null or {made pg_type t}) and {standing t}
  union all select 'schema', {name n.nspname}, 'n', n.nspowner, n.nspacl, 'pg_namespace'::regclass, n.oid, 0, {own} and not {installed pg_namespace n}
  from pg_namespace n where n.nspname !~ '^pg_(toast|temp)'
  union all select 'language', l.lanname, 'l', l.lanowner, l.lanacl, 'pg_language'::regclass, l.oid, 0, {made pg_language l} from pg_language l
  union all select 'foreign data wrapper', w.fdwname, 'F', w.fdwowner, w.fdwacl, 'pg_foreign_data_wrapper'::regclass, w.oid, 0,
    {made pg_foreign_data_wrapper w} from pg_foreign_data_wrapper w
  union all select 'foreign server', s.srvname, 'S', s.srvowner, s.srvacl, 'pg_foreign_server'::regclass, s.oid, 0,
    {made pg_foreign_server s} from pg_foreign_server s
  union all select 'database', '', 'd', d.datdba, d.datacl, 'pg_database'::regclass, d.oid, 0, true
  from pg_database d where d.datname = current_database()
  union all select 'tablespace', s.spcname, 't', s.spcowner, s.spcacl, 'pg_tablespace'::regclass, s.oid, 0, s.oid >= 16384 from pg_tablespace s
  union all select 'large objects', 'of ' || {role pg_get_userbyid(l.lomowner)}, 'L', l.lomowner, l.acl, null, null, 0, true
  from (select lomowner, array_agg(distinct x::text)::aclitem[] as acl from pg_largeobject_metadata,
    unnest(coalesce(lomacl, acldefault('L', lomowner))) x group by 1) l
  union all select 'operator', {operator n.nspname, o}, null, o.oprowner, null, null, null, 0, true
  from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where {own} and {made pg_operator o}
  union all select 'operator class', {name n.nspname, o.opcname} || ' using ' || m.amname, null, o.opcowner, null, null, null, 0, true
  from pg_opclass o join pg_am m on m.oid = o.opcmethod join pg_namespace n on n.oid = o.opcnamespace where {own} and {made pg_opclass o}
  union all select 'operator family', {name n.nspname, f.opfname} || ' using ' || m.amname, null, f.opfowner, null, null, null, 0, true
  from pg_opfamily f join pg_am m on m.oid = f.opfmethod join pg_namespace n on n.oid = f.opfnamespace where {own} and {made pg_opfamily f}
  union all select 'collation', {name n.nspname, l.collname}, null, l.collowner, null, null, null, 0, true
  from pg_collation l join pg_namespace n on n.oid = l.collnamespace where {own} and {made pg_collation l}
  union all select 'conversion', {name n.nspname, c.conname}, null, c.conowner, null, null, null, 0, true
  from pg_conversion c join pg_namespace n on n.oid = c.connamespace where {own} and {made pg_conversion c}
  union all select 'text search dictionary', {name n.nspname, d.dictname}, null, d.dictowner, null, null, null, 0, true
  from pg_ts_dict d join pg_namespace n on n.oid = d.dictnamespace where {own} and {made pg_ts_dict d}
  union all select 'text search configuration', {name n.nspname, c.cfgname}, null, c.cfgowner, null, null, null, 0, true
  from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace where {own} and {made pg_ts_config c}
  union all select 'statistics', {name n.nspname, s.stxname}, null, s.stxowner, null, null, null, 0, true
  from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where {own} and {made pg_statistic_ext s}
  union all select 'publication', p.pubname, null, p.pubowner, null, null, null, 0, true
  from pg_publication p where {made pg_publication p}
  union all select 'subscription', s.subname, null, s.subowner, null, null, null, 0, true
  from pg_subscription s where s.subdbid = (select oid from pg_database where datname = current_database())
  union all select 'event trigger', e.evtname, null, e.evtowner, null, null, null, 0, true
  from pg_event_trigger e where {made pg_event_trigger e}
), one as (
  select o.kind, o.name, o.type, o.owner, coalesce(o.acl, acldefault(o.type, o.owner)) as acl, o.own,
    coalesce(i.initprivs, acldefault(o.type, o.owner)) as installed,
    case when o.kind = 'schema' and o.name = 'public' and o.owner in (10, 6171) and {sorted o.acl} = {sorted i.initprivs}
      then 'as initdb makes it' end as plain
  from object o left join pg_init_privs i on i.classoid = o.class and i.objoid = o.oid and i.objsubid = o.place
  where o.own or o.acl is not null and o.name !~ '^information_schema'
    and {sorted o.acl} is distinct from {sorted coalesce(i.initprivs, acldefault(o.type, o.owner))}
), given as (
  select kind, name, type, owner, true as owned, acl, plain from one
  union all select 'installed ' || kind, name, type, owner, true, installed, null from one where not own
  union all
  select 'new', case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
      when 'n' then 'schemas' else 'large objects' end || ' of ' || {role pg_get_userbyid(d.defaclrole)}
      || coalesce(' in ' || {name n.nspname}, ''),
    case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole, false, d.defaclacl, null
  from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
)
select g.kind || ' ' || g.name, coalesce(g.plain, nullif(concat_ws('; ',
  case when g.owned then 'owner ' || {role pg_get_userbyid(g.owner)} end,
  case when m.every > 0 and not exists (select from aclexplode(g.acl) x where x.grantee = g.owner)
    and (g.owned or g.name !~ ' in ') then {role pg_get_userbyid(g.owner)} || ': NOTHING' end,
  (select string_agg(e.who || ': ' || e.what, '; ' order by e.who collate "C") from (
    select p.who, case when count(*) = m.every and m.every > 1 and bool_and(p.again) then 'ALL*'
      when count(*) = m.every and (m.every > 1 or p.owner) and not bool_or(p.again) then 'ALL'
      else string_agg(p.what || case when p.again then '*' else '' end, ', ' order by p.what) end, p.owner
    from (select case when x.grantee = 0 then 'PUBLIC' else {role pg_get_userbyid(x.grantee)} end
        || case when x.grantor <> g.owner then ' by ' || {role pg_get_userbyid(x.grantor)} else '' end,
        x.privilege_type, bool_or(x.is_grantable), x.grantee = g.owner
      from aclexplode(g.acl) x where x.grantee = 0 or not {ours pg_get_userbyid(x.grantee)} group by 1, 2, 4
    ) p(who, what, again, owner) group by p.who, p.owner
  ) e(who, what, owner) where not (e.owner and e.what = 'ALL'))), ''))
from given g, lateral (select case when g.type = 'c' then 4
  else (select count(*) from aclexplode(acldefault(g.type, g.owner)) x where x.grantee = g.owner) end) m(every)

-- name: rights on parameter, from 15
select p.parname, (select string_agg(concat(case when x.grantee = 0 then 'PUBLIC' else {role pg_get_userbyid(x.grantee)} end, ': ',
  x.privilege_type, case when x.is_grantable then '*' end), '; ' order by x.grantee, x.privilege_type) from aclexplode(p.paracl) x)
from pg_parameter_acl p

-- name: role
select {role r.rolname}, concat_ws(' ', case when r.rolsuper then 'superuser' end, case when r.rolcreaterole then 'createrole' end,
  case when r.rolcreatedb then 'createdb' end, case when r.rolcanlogin then 'login' end,
  case when r.rolreplication then 'replication' end, case when r.rolbypassrls then 'bypassrls' end,
  case when not r.rolinherit then 'noinherit' end, 'connections ' || nullif(r.rolconnlimit, -1), 'until ' || r.rolvaliduntil,
  (select 'in ' || string_agg(distinct {role g.rolname} || case when m.admin_option then ' with admin' else '' end
      || case to_jsonb(m)->>'inherit_option' when 'false' then ' without inherit' else '' end
      || case to_jsonb(m)->>'set_option' when 'false' then ' without set' else '' end, ', ')
    from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid))
from pg_roles r where r.rolname !~ '^pg_' and not {ours r.rolname} and r.rolname not in ({rds})

-- name: setting
select case when s.setdatabase = 0 then 'every database' else 'this database' end || coalesce(' of ' || {role r.rolname}, ''),
  null, (select string_agg(x, ', ' order by x) from unnest(s.setconfig) x)
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and coalesce(r.rolname, '') !~ '^pg_' and not {ours coalesce(r.rolname, '')} and coalesce(r.rolname, '') not in ({rds})

-- name: tablespace
select s.spcname, (select string_agg(o, ', ' order by o) from unnest(s.spcoptions) o) from pg_tablespace s where s.oid >= 16384

-- name: large objects
select '', 'some' where exists (select from pg_largeobject_metadata)
