-- scan 13 or"ders
select array[pg_catalog.concat(count(*)), pg_catalog.concat(sum(hashtextextended(row(t."body", t."bool", t."date", t."float8", t."int4", t."int8", t."money", t."mood", t."numeric", t."oid", t."pair", t."share", t."tags", t."text", t."timestamptz", t."we""ird")::text collate "C", 0))), pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null or t."mood" is null or num_nulls(t."pair") = 1)), pg_catalog.concat(count(*) filter (where not ((int4 >= 0)))), pg_catalog.concat(count(*) filter (where exists (select from pg_catalog.unnest(t."share") d(value) where not ((value > 0))))), pg_catalog.concat(extract(epoch from max(t."timestamptz") filter (where isfinite(t."timestamptz") and not t."timestamptz" > '2026-02-27T03:20:00+00:00'::timestamptz))), pg_catalog.concat(extract(epoch from max(t."date") filter (where isfinite(t."date") and not t."date" > '2026-02-27T03:20:00+00:00'::timestamptz)))] from only "s"."or""ders" t
-- scan 13 or"ders
select array[pg_catalog.concat(pg_catalog.count(*) filter (where not (s.f(orders.*)))), pg_catalog.concat(pg_catalog.count(*) filter (where (select not (s.f(value)) from (select "or""ders"."share"::s.share as value) d)))] from only "s"."or""ders" "or""ders"
-- scan 13 little
select array[pg_catalog.concat(count(*)), pg_catalog.concat(sum(hashtextextended(row(t."int4", t."int8", t."text")::text collate "C", 0))), pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null))] from only "s"."little" t
-- any_rows 17
-- large objects (0, 'HEAP', False, False)

select count(*) from pg_largeobject_metadata
-- rows_readable 13
-- contents of large objects (0, 'HEAP', False, False)

select sum(hashtextextended(row(l.loid, l.pageno, l.data)::text, 0)) from pg_largeobject l
-- constraints_hold 17
-- excluded:"s"."t" e (0, 'ANY', True, False)

select pg_catalog.count(*) from (select ctid as place, (a) as e0, (b) as e1 from only "s"."t" where ((c > 0)) is true) a where exists (select from (select ctid as place, (a) as e0, (b) as e1 from only "s"."t" where (c > 0)) b where a.place operator(pg_catalog.<>) b.place and a.e0 = b.e0 and a.e1 && b.e1)
-- references_hold 17
-- orphans:"s"."t" fk (0, 'HEAP', True, False)

select pg_catalog.count(*) from "s"."t" c where (c."a" is not null and c."c" is not null) and not exists (select from "s"."u" p where p."b" operator(pg_catalog.=) c."a"::s.xcollate c and p."d" operator(pg_catalog.=) c."c")
-- references_hold 17
-- orphans:t full (0, 'HEAP', True, False)

select pg_catalog.count(*) from only t c where (c."a" is not null or c."c" is not null) and not exists (select from u p where p."b" operator(pg_catalog.=) c."a"::s.xcollate c and p."d" operator(pg_catalog.=) c."c")
-- references_hold 17
-- orphans:t span (0, 'HEAP', True, False)

select pg_catalog.count(*) from t c where (c."a" is not null and c."c" is not null) and not exists (select from (select p."d" as r from only u p where p."b" operator(pg_catalog.=) c."a"::s.xcollate c and p."d" operator(pg_catalog.&&) c."c") x having c."c" operator(pg_catalog.<@) pg_catalog.range_agg(x.r))
-- indexes_agree 17
-- keys:s."or""ders" (200000, 'INDEX', False, False)

select count(*) from only "s"."or""ders"
-- pages_sound 17
-- btree:s.i (7, 'HEAP', False, True)
create schema restorecheck_amcheck; create extension "amcheck" with schema restorecheck_amcheck
select "restorecheck_amcheck".bt_index_parent_check('s.i'::regclass, true, false)
-- pages_sound 17
-- btree:s.c (7, 'HEAP', False, True)
create schema restorecheck_amcheck; create extension "amcheck" with schema restorecheck_amcheck
select "restorecheck_amcheck".bt_index_parent_check('s.c'::regclass, true, true)
-- pages_sound 17
-- visible:s."or""ders" (200000, 'HEAP', False, False)

select nullif((select count(*) from "ext".pg_check_visible('"s"."or""ders"'::regclass)) + (select count(*) from "ext".pg_check_frozen('"s"."or""ders"'::regclass)), 0)
-- pages_sound 17
-- visible:s.little (1, 'HEAP', False, True)

select nullif((select count(*) from "ext".pg_check_visible('"s"."little"'::regclass)) + (select count(*) from "ext".pg_check_frozen('"s"."little"'::regclass)), 0)
-- indexes_valid 17
-- invalid indexes (0, 'HEAP', False, False)

select string_agg(n.nspname || '.' || x.relname, ', ' order by 1) from pg_index i join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace where not (i.indisvalid and i.indisready) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
-- sequences_ahead 17
-- behind:s.q (0, 'HEAP', False, False)

select (m.v - s.last_value) + case when s.is_called then 0 else 1 end from s.q s, lateral (select max(x.v) as v from (select max(t.v) as v from (select "id"::numeric as v from s.t) t union all select max(t.v) as v from (select "id"::numeric as v from s.u) t) x) m where (m.v - s.last_value) + case when s.is_called then 0 else 1 end > 0
-- sequences_ahead 17
-- behind:s.down (0, 'HEAP', False, False)

select -1 * (m.v - s.last_value) + case when s.is_called then 0 else 1 end from s.down s, lateral (select min(x.v) as v from (select min(t.v) as v from (select "id"::numeric as v from s.t) t where (t.v - s.last_value) % 5 = 0) x) m where -1 * (m.v - s.last_value) + case when s.is_called then 0 else 1 end > 0
-- collations_current 13
-- collations (0, 'HEAP', False, False)

select string_agg(name, ', ' order by name) from (select collname::text as name from pg_collation where collversion is not null and collversion <> pg_collation_actual_version(oid) and exists (select from pg_depend d where d.refclassid = 'pg_collation'::regclass and d.refobjid = pg_collation.oid and d.classid = 'pg_class'::regclass)) x
-- transactions_young 17
-- transaction ids (0, 'HEAP', False, False)

select concat('the oldest transaction id is ', max(age(datfrozenxid)), ' behind; at 2,147,483,648 the server stops') from pg_database having max(age(datfrozenxid)) > 1500000000
-- contents_plausible 17
-- columns:s."or""ders" (200000, 'ANY', False, False)

with s as (select t."int4" as r0, t."int8" as r1, octet_length(t."text" collate "C") as r2, substr(t."text" collate "C", 1, 200) as s2, t."numeric" as r3, case when t."numeric" between -1e300 and 1e300 then t."numeric"::float8 end as s3, t."float8" as r4, case when abs(t."float8"::float8) < 1e300 then t."float8"::float8 end as s4, t."money" as r5, t."bool" as r6, t."date" as r7, case when isfinite(t."date") then date_part('epoch', t."date") end as s7, t."timestamptz" as r8, case when isfinite(t."timestamptz") then date_part('epoch', t."timestamptz") end as s8, t."oid" as r9, octet_length((case when t."we""ird" is not null then concat(t."we""ird") end) collate "C") as r10, substr((case when t."we""ird" is not null then concat(t."we""ird") end) collate "C", 1, 200) as s10, t."tags" as r11, hashtext((case when t."mood" is not null then concat(t."mood") end) collate "C") as r12, t."pair" as r13, t."body" as r14, t."share" as r15, case when t."share" between -1e300 and 1e300 then t."share"::float8 end as s15 from only "s"."or""ders" t tablesample system (0.390625) repeatable (17) offset 0) select array[(select array_to_string(array[count(*), count(r0), count(distinct r0), sum(r0::float8), count(*) filter (where r0 < 0), count(*) filter (where r0 = 0), count(r1), count(distinct r1), sum(r1::float8), count(*) filter (where r1 < 0), count(*) filter (where r1 = 0), count(r2), count(distinct hashtext(s2)), count(*) filter (where r2 = 0), sum(r2), max(r2), count(*) filter (where octet_length(s2) <> char_length(s2)), count(*) filter (where octet_length(s2) <> char_length(s2) and s2 ~ '[\u00c2-\u00df][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|[\u00e0-\u00ef][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00f0[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\ufffd'), count(*) filter (where s2 like '%?%'), count(*) filter (where s2 like ' %' or s2 like '% '), count(r3), count(distinct s3), sum(s3), count(*) filter (where s3 < 0), count(*) filter (where s3 = 0), count(*) filter (where s3 = trunc(s3)), count(*) filter (where abs(s3 * 10 - round(s3 * 10)) < 1e-6), count(*) filter (where case when abs(s3) between 1e-30 and 1e30 then s3::float4::float8 = s3 end), sum(octet_length(concat(r3))), count(r4), count(distinct s4), sum(s4), count(*) filter (where s4 < 0), count(*) filter (where s4 = 0), count(*) filter (where s4 = trunc(s4)), count(*) filter (where abs(s4 * 10 - round(s4 * 10)) < 1e-6), count(*) filter (where case when abs(s4) between 1e-30 and 1e30 then s4::float4::float8 = s4 end), sum(octet_length(concat(r4))), count(r5), sum(pg_column_size(r5)), count(r6), count(*) filter (where r6), count(r7), count(distinct s7), sum(s7 / 86400), max(s7), count(*) filter (where s7 = 0), count(*) filter (where s7 = floor(s7 / 86400) * 86400), count(*) filter (where s7 = floor(s7)), count(r8), count(distinct s8), sum(s8 / 86400), max(s8), count(*) filter (where s8 = 0), count(*) filter (where s8 = floor(s8 / 86400) * 86400), count(*) filter (where s8 = floor(s8)), count(r9), sum(pg_column_size(r9)), count(r10), count(distinct hashtext(s10)), count(*) filter (where r10 = 0), sum(r10), max(r10), count(*) filter (where octet_length(s10) <> char_length(s10)), count(*) filter (where octet_length(s10) <> char_length(s10) and s10 ~ '[\u00c2-\u00df][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|[\u00e0-\u00ef][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00f0[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\ufffd'), count(*) filter (where s10 like '%?%'), count(*) filter (where s10 like ' %' or s10 like '% '), count(r11), sum(pg_column_size(r11)), sum(case when pg_column_size(r11) < 2000 then cardinality(r11) end), count(r12), count(distinct r12), count(r13), sum(pg_column_size(r13)), count(r14), sum(pg_column_size(r14)), sum(case when pg_column_size(r14) < 2000 then case when jsonb_typeof(r14) = 'object' then (select count(*) from jsonb_object_keys(r14)) end end), count(r15), count(distinct s15), sum(s15), count(*) filter (where s15 < 0), count(*) filter (where s15 = 0), count(*) filter (where s15 = trunc(s15)), count(*) filter (where abs(s15 * 10 - round(s15 * 10)) < 1e-6), count(*) filter (where case when abs(s15) between 1e-30 and 1e30 then s15::float4::float8 = s15 end), sum(octet_length(concat(r15)))]::float8[], ',', '') from s), (select array_to_string(array[count(*), max(at), count(r2), count(r3), count(r4), count(r5), count(r6), count(r7), count(r8), count(r9), count(r10), count(r11), count(r14), count(r15)]::float8[], ',', '') from (select t."text" as r2, t."numeric" as r3, t."float8" as r4, t."money" as r5, t."bool" as r6, t."date" as r7, t."timestamptz" as r8, t."oid" as r9, t."we""ird" as r10, t."tags" as r11, t."body" as r14, t."share" as r15, t."int8" as at from only "s"."or""ders" t order by t."int8" desc limit 256) n), (select string_agg(g, ';') from (select array_to_string(array[k & 15, count(*), count(distinct k), sum(k & 1048575), sum(case when r0 is not null then hashtext(concat(r0, '/', k) collate "C") & 65535 else 7 + (k & 255) end), sum(case when r1 is not null then case when pg_column_size(r1) > 8000 then pg_column_size(r1) else hashtext(concat(r1, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r2 is not null then hashtext(concat(r2, '/', k) collate "C") & 65535 else 7 + (k & 255) end), sum(case when r3 is not null then hashtext(concat(r3, '/', k) collate "C") & 65535 else 7 + (k & 255) end), sum(case when r4 is not null then case when pg_column_size(r4) > 8000 then pg_column_size(r4) else hashtext(concat(r4, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r5 is not null then hashtext(concat(r5, '/', k) collate "C") & 65535 else 7 + (k & 255) end), floor(sum(date_part('epoch', r6)) filter (where isfinite(r6)) / 900 / nullif(count(*) filter (where isfinite(r6)), 0)), floor(sum(date_part('epoch', r7)) filter (where isfinite(r7)) / 900 / nullif(count(*) filter (where isfinite(r7)), 0)), sum(case when r8 is not null then case when pg_column_size(r8) > 8000 then pg_column_size(r8) else hashtext(concat(r8, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r9 is not null then case when pg_column_size(r9) > 8000 then pg_column_size(r9) else hashtext(concat(r9, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r10 is not null then case when pg_column_size(r10) > 8000 then pg_column_size(r10) else hashtext(concat(r10, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r11 is not null then case when pg_column_size(r11) > 8000 then pg_column_size(r11) else hashtext(concat(r11, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when num_nulls(r12) = 0 then case when pg_column_size(r12) > 8000 then pg_column_size(r12) else hashtext(concat(r12, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r13 is not null then case when pg_column_size(r13) > 8000 then pg_column_size(r13) else hashtext(concat(r13, '/', k) collate "C") end & 65535 else 7 + (k & 255) end), sum(case when r14 is not null then hashtext(concat(r14, '/', k) collate "C") & 65535 else 7 + (k & 255) end)]::float8[], ',', '') as g from (with b as (select min(t."int8")::numeric as low, max(t."int8")::numeric as high from only "s"."or""ders" t) select r.* from (select greatest(n * 1536 + mod(hashint8(n::int8)::int8 & 2147483647, 1536), -9223372036854775808)::int8 as first, least(n * 1536 + 1535, 9223372036854775807)::int8 as last from b, generate_series(floor(b.low / 1536), least(floor(b.high / 1536), floor(b.low / 1536) + 63)) n where not b.high - b.low > 720000 offset 0) v cross join lateral (select hashtext(concat(t."int8") collate "C") as k, t."int4" as r0, t."text" as r1, t."numeric" as r2, t."float8" as r3, t."money" as r4, t."bool" as r5, t."date" as r6, t."timestamptz" as r7, t."oid" as r8, t."we""ird" as r9, t."tags" as r10, t."mood" as r11, t."pair" as r12, t."body" as r13, t."share" as r14 from only "s"."or""ders" t where t."int8" >= v.first and t."int8" <= v.last order by t."int8" limit 1) r union all (select r.* from (select hashtext(concat(t."int8") collate "C") as k, t."int4" as r0, t."text" as r1, t."numeric" as r2, t."float8" as r3, t."money" as r4, t."bool" as r5, t."date" as r6, t."timestamptz" as r7, t."oid" as r8, t."we""ird" as r9, t."tags" as r10, t."mood" as r11, t."pair" as r12, t."body" as r13, t."share" as r14 from only "s"."or""ders" t order by t."int8" limit 64) r where (select b.high - b.low > 720000 from b))) p group by k & 15) q)]
-- contents_plausible 17
-- columns:s.little (1, 'ANY', False, True)

with s as (select t."int4" as r0, t."int8" as r1, octet_length(t."text" collate "C") as r2, substr(t."text" collate "C", 1, 200) as s2 from only "s"."little" t tablesample system (3.125) repeatable (17) offset 0) select array[(select array_to_string(array[count(*), count(r0), count(distinct r0), sum(r0::float8), count(*) filter (where r0 < 0), count(*) filter (where r0 = 0), count(r1), count(distinct r1), sum(r1::float8), count(*) filter (where r1 < 0), count(*) filter (where r1 = 0), count(r2), count(distinct hashtext(s2)), count(*) filter (where r2 = 0), sum(r2), max(r2), count(*) filter (where octet_length(s2) <> char_length(s2)), count(*) filter (where octet_length(s2) <> char_length(s2) and s2 ~ '[\u00c2-\u00df][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|[\u00e0-\u00ef][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00f0[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\ufffd'), count(*) filter (where s2 like '%?%'), count(*) filter (where s2 like ' %' or s2 like '% ')]::float8[], ',', '') from s), (select array_to_string(array[count(*), max(at), count(r2)]::float8[], ',', '') from (select t."text" as r2, t."int4" as at from only "s"."little" t order by t."int4" desc limit 256) n), (select string_agg(g, ';') from (select array_to_string(array[k & 15, count(*), count(distinct k), sum(k & 1048575), sum(case when r0 is not null then hashtext(concat(r0, '/', k) collate "C") & 65535 else 7 + (k & 255) end), sum(case when r1 is not null then case when pg_column_size(r1) > 8000 then pg_column_size(r1) else hashtext(concat(r1, '/', k) collate "C") end & 65535 else 7 + (k & 255) end)]::float8[], ',', '') as g from (with b as (select min(t."int4")::numeric as low, max(t."int4")::numeric as high from only "s"."little" t) select r.* from (select greatest(n * 1536 + mod(hashint8(n::int8)::int8 & 2147483647, 1536), -9223372036854775808)::int8 as first, least(n * 1536 + 1535, 9223372036854775807)::int8 as last from b, generate_series(floor(b.low / 1536), least(floor(b.high / 1536), floor(b.low / 1536) + 63)) n where not b.high - b.low > 720000 offset 0) v cross join lateral (select hashtext(concat(t."int4") collate "C") as k, t."int8" as r0, t."text" as r1 from only "s"."little" t where t."int4" >= v.first and t."int4" <= v.last order by t."int4" limit 1) r union all (select r.* from (select hashtext(concat(t."int4") collate "C") as k, t."int8" as r0, t."text" as r1 from only "s"."little" t order by t."int4" limit 64) r where (select b.high - b.low > 720000 from b))) p group by k & 15) q)]
-- pages_sound 17
-- btree:s.i (7, 'HEAP', False, True)

select "ext".bt_index_parent_check('s.i'::regclass, true, false)
-- pages_sound 17
-- btree:s.c (7, 'HEAP', False, True)

select "ext".bt_index_parent_check('s.c'::regclass, true, true)
-- pages_sound 13
-- btree:s.i (7, 'HEAP', False, True, 'shared')
create function pg_temp.bt_index_parent_check(pg_catalog.regclass, pg_catalog.bool, pg_catalog.bool) returns pg_catalog.void strict language c as '$libdir/amcheck', 'bt_index_parent_check'
select "pg_temp".bt_index_parent_check('s.i'::regclass, true, false)
-- pages_sound 13
-- btree:s.c (7, 'HEAP', False, True, 'shared')
create function pg_temp.bt_index_parent_check(pg_catalog.regclass, pg_catalog.bool, pg_catalog.bool) returns pg_catalog.void strict language c as '$libdir/amcheck', 'bt_index_parent_check'
select "pg_temp".bt_index_parent_check('s.c'::regclass, true, true)
-- pages_sound 17
-- visible:s."or""ders" (200000, 'HEAP', False, False, 'shared')
create function pg_temp.pg_check_visible(pg_catalog.regclass, t_ctid out pg_catalog.tid) returns setof pg_catalog.tid strict language c as '$libdir/pg_visibility', 'pg_check_visible'; create function pg_temp.pg_check_frozen(pg_catalog.regclass, t_ctid out pg_catalog.tid) returns setof pg_catalog.tid strict language c as '$libdir/pg_visibility', 'pg_check_frozen'
select nullif((select count(*) from "pg_temp".pg_check_visible('"s"."or""ders"'::regclass)) + (select count(*) from "pg_temp".pg_check_frozen('"s"."or""ders"'::regclass)), 0)
-- pages_sound 17
-- visible:s.little (1, 'HEAP', False, True, 'shared')
create function pg_temp.pg_check_visible(pg_catalog.regclass, t_ctid out pg_catalog.tid) returns setof pg_catalog.tid strict language c as '$libdir/pg_visibility', 'pg_check_visible'; create function pg_temp.pg_check_frozen(pg_catalog.regclass, t_ctid out pg_catalog.tid) returns setof pg_catalog.tid strict language c as '$libdir/pg_visibility', 'pg_check_frozen'
select nullif((select count(*) from "pg_temp".pg_check_visible('"s"."little"'::regclass)) + (select count(*) from "pg_temp".pg_check_frozen('"s"."little"'::regclass)), 0)
-- scan 17 or"ders
select array[pg_catalog.concat(count(*)), pg_catalog.concat(sum(hashint8extended(hash_record_extended(row(t."bool", t."date", t."int4", t."int8", t."oid", t."text" collate "C", t."timestamptz", row(t."body", t."float8", t."money", t."mood", t."numeric", t."pair", t."share", t."tags", t."we""ird")::text collate "C"), 0), 1))), pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null or t."mood" is null or num_nulls(t."pair") = 1)), pg_catalog.concat(count(*) filter (where not ((int4 >= 0)))), pg_catalog.concat(count(*) filter (where exists (select from pg_catalog.unnest(t."share") d(value) where not ((value > 0))))), pg_catalog.concat(extract(epoch from max(t."timestamptz") filter (where isfinite(t."timestamptz") and not t."timestamptz" > '2026-02-27T03:20:00+00:00'::timestamptz))), pg_catalog.concat(extract(epoch from max(t."date") filter (where isfinite(t."date") and not t."date" > '2026-02-27T03:20:00+00:00'::timestamptz)))] from only "s"."or""ders" t where t.ctid operator(pg_catalog.>=) '(0,0)'::pg_catalog.tid and t.ctid operator(pg_catalog.<) '(35791,0)'::pg_catalog.tid
-- scan 17 or"ders
select array[pg_catalog.concat(pg_catalog.count(*) filter (where not (s.f(orders.*)))), pg_catalog.concat(pg_catalog.count(*) filter (where (select not (s.f(value)) from (select "or""ders"."share"::s.share as value) d)))] from only "s"."or""ders" "or""ders" where "or""ders".ctid operator(pg_catalog.>=) '(0,0)'::pg_catalog.tid and "or""ders".ctid operator(pg_catalog.<) '(35791,0)'::pg_catalog.tid
-- scan 17 little
select array[pg_catalog.concat(count(*)), pg_catalog.concat(sum(hashint8extended(hash_record_extended(row(t."int4", t."int8", t."text" collate "C"), 0), 1))), pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null))] from only "s"."little" t
-- rows_readable 17
-- contents of large objects (0, 'HEAP', False, False)

select sum(hashint8extended(hash_record_extended(row(l.loid, l.pageno, l.data), 0), 1)) from pg_largeobject l
-- pages_sound 17
-- heap:s."or""ders" (200000, 'HEAP', False, False)
create schema restorecheck_amcheck; create extension "amcheck" with schema restorecheck_amcheck
select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end from "restorecheck_amcheck".verify_heapam('"s"."or""ders"'::regclass, check_toast => true)
-- pages_sound 17
-- heap:s.little (1, 'HEAP', False, True)
create schema restorecheck_amcheck; create extension "amcheck" with schema restorecheck_amcheck
select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end from "restorecheck_amcheck".verify_heapam('"s"."little"'::regclass, check_toast => true)
-- collations_current 17
-- collations (0, 'HEAP', False, False)

select string_agg(name, ', ' order by name) from (select collname::text as name from pg_collation where collversion is not null and collversion <> pg_collation_actual_version(oid) and exists (select from pg_depend d where d.refclassid = 'pg_collation'::regclass and d.refobjid = pg_collation.oid and d.classid = 'pg_class'::regclass) union all select 'the default of this database' from pg_database where datname = current_database() and datcollversion is not null and datcollversion <> pg_database_collation_actual_version(oid)) x
-- pages_sound 17
-- heap:s."or""ders" (200000, 'HEAP', False, False)

select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end from "ext".verify_heapam('"s"."or""ders"'::regclass, check_toast => true)
-- pages_sound 17
-- heap:s.little (1, 'HEAP', False, True)

select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end from "ext".verify_heapam('"s"."little"'::regclass, check_toast => true)
-- pages_sound 17
-- btree:s.i (7, 'HEAP', False, True, 'shared')
create function pg_temp.bt_index_parent_check(pg_catalog.regclass, pg_catalog.bool, pg_catalog.bool) returns pg_catalog.void strict language c as '$libdir/amcheck', 'bt_index_parent_check'; create function pg_temp.verify_heapam(relation pg_catalog.regclass, on_error_stop pg_catalog.bool default false, check_toast pg_catalog.bool default false, skip pg_catalog.text default 'none', startblock pg_catalog.int8 default null, endblock pg_catalog.int8 default null, blkno out pg_catalog.int8, offnum out pg_catalog.int4, attnum out pg_catalog.int4, msg out pg_catalog.text) returns setof record language c as '$libdir/amcheck', 'verify_heapam'
select "pg_temp".bt_index_parent_check('s.i'::regclass, true, false)
-- pages_sound 17
-- btree:s.c (7, 'HEAP', False, True, 'shared')
create function pg_temp.bt_index_parent_check(pg_catalog.regclass, pg_catalog.bool, pg_catalog.bool) returns pg_catalog.void strict language c as '$libdir/amcheck', 'bt_index_parent_check'; create function pg_temp.verify_heapam(relation pg_catalog.regclass, on_error_stop pg_catalog.bool default false, check_toast pg_catalog.bool default false, skip pg_catalog.text default 'none', startblock pg_catalog.int8 default null, endblock pg_catalog.int8 default null, blkno out pg_catalog.int8, offnum out pg_catalog.int4, attnum out pg_catalog.int4, msg out pg_catalog.text) returns setof record language c as '$libdir/amcheck', 'verify_heapam'
select "pg_temp".bt_index_parent_check('s.c'::regclass, true, true)
-- pages_sound 17
-- heap:s."or""ders" (200000, 'HEAP', False, False, 'shared')
create function pg_temp.bt_index_parent_check(pg_catalog.regclass, pg_catalog.bool, pg_catalog.bool) returns pg_catalog.void strict language c as '$libdir/amcheck', 'bt_index_parent_check'; create function pg_temp.verify_heapam(relation pg_catalog.regclass, on_error_stop pg_catalog.bool default false, check_toast pg_catalog.bool default false, skip pg_catalog.text default 'none', startblock pg_catalog.int8 default null, endblock pg_catalog.int8 default null, blkno out pg_catalog.int8, offnum out pg_catalog.int4, attnum out pg_catalog.int4, msg out pg_catalog.text) returns setof record language c as '$libdir/amcheck', 'verify_heapam'
select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end from "pg_temp".verify_heapam('"s"."or""ders"'::regclass, check_toast => true)
-- pages_sound 17
-- heap:s.little (1, 'HEAP', False, True, 'shared')
create function pg_temp.bt_index_parent_check(pg_catalog.regclass, pg_catalog.bool, pg_catalog.bool) returns pg_catalog.void strict language c as '$libdir/amcheck', 'bt_index_parent_check'; create function pg_temp.verify_heapam(relation pg_catalog.regclass, on_error_stop pg_catalog.bool default false, check_toast pg_catalog.bool default false, skip pg_catalog.text default 'none', startblock pg_catalog.int8 default null, endblock pg_catalog.int8 default null, blkno out pg_catalog.int8, offnum out pg_catalog.int4, attnum out pg_catalog.int4, msg out pg_catalog.text) returns setof record language c as '$libdir/amcheck', 'verify_heapam'
select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end from "pg_temp".verify_heapam('"s"."little"'::regclass, check_toast => true)
-- small tables
select 0, x.* from (select array[pg_catalog.concat(count(*)), pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null))] from only "s"."little" t) x union all select 1, x.* from (select array[pg_catalog.concat(count(*)), pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null))] from only "s"."little" t) x
-- small questions
select (select 'a'), (select 'b')
-- a view
select pg_catalog.concat(json_build_object('rows', pg_catalog.concat(count(*)), 'nulls', pg_catalog.concat(count(*) filter (where t."int4" is null or t."int8" is null)))) from "s"."or""ders" t
-- the last unit
select array[pg_catalog.concat(count(*))] from only "s"."or""ders" t where t.ctid operator(pg_catalog.>=) '(178955,0)'::pg_catalog.tid
-- heartbeat asked:asked max False
extract(epoch from max(t."date") filter (where isfinite(t."date")))
-- heartbeat later:asked sum False
count(*) filter (where false)
-- heartbeat asked:asked max False
extract(epoch from max(t."date") filter (where isfinite(t."date") and not t."date" > '2026-02-27T03:20:00+00:00'::timestamptz))
-- heartbeat later:asked sum False
count(*) filter (where isfinite(t."date") and t."date" > '2026-02-27T03:20:00+00:00'::timestamptz)
-- heartbeat asked:asked max False
extract(epoch from max(t."timestamptz") filter (where isfinite(t."timestamptz")))
-- heartbeat asked:asked max False
extract(epoch from max(t."timestamptz") filter (where isfinite(t."timestamptz") and not t."timestamptz" > '2026-02-27T03:20:00+00:00'::timestamptz))
-- heartbeat later:asked sum False
count(*) filter (where isfinite(t."timestamptz") and t."timestamptz" > '2026-02-27T03:20:00+00:00'::timestamptz)
-- not_null asked:asked sum False
count(*) filter (where t."int4" is null)
-- not_null asked:asked sum False
count(*) filter (where t."int8" is null)
-- not_null asked:asked sum False
count(*) filter (where t."text" is null)
-- not_null asked:asked sum False
count(*) filter (where t."numeric" is null)
-- not_null asked:asked sum False
count(*) filter (where t."float8" is null)
-- not_null asked:asked sum False
count(*) filter (where t."money" is null)
-- not_null asked:asked sum False
count(*) filter (where t."bool" is null)
-- not_null asked:asked sum False
count(*) filter (where t."date" is null)
-- not_null asked:asked sum False
count(*) filter (where t."timestamptz" is null)
-- not_null asked:asked sum False
count(*) filter (where t."oid" is null)
-- not_null asked:asked sum False
count(*) filter (where t."we""ird" is null)
-- not_null asked:asked sum False
count(*) filter (where t."tags" is null)
-- not_null asked:asked sum False
count(*) filter (where t."mood" is null)
-- not_null asked:asked sum False
count(*) filter (where num_nulls(t."pair") = 1)
-- not_null asked:asked sum False
count(*) filter (where t."body" is null)
-- not_null asked:asked sum False
count(*) filter (where t."twice" is null)
-- not_null asked:asked sum False
count(*) filter (where t."share" is null)
-- distribution filled:["int4"] sum False
count(*) filter (where not (t."int4" is null))
-- distribution filled:["int8"] sum False
count(*) filter (where not (t."int8" is null))
-- unique filled:["text"] sum False
count(*) filter (where not (t."text" is null))
-- distribution filled:["numeric"] sum False
count(*) filter (where not (t."numeric" is null))
-- distribution filled:["float8"] sum False
count(*) filter (where not (t."float8" is null))
-- distribution filled:["money"] sum False
count(*) filter (where not (t."money" is null))
-- unique filled:["bool"] sum False
count(*) filter (where not (t."bool" is null))
-- unique filled:["date"] sum False
count(*) filter (where not (t."date" is null))
-- unique filled:["timestamptz"] sum False
count(*) filter (where not (t."timestamptz" is null))
-- unique filled:["oid"] sum False
count(*) filter (where not (t."oid" is null))
-- unique filled:["we\"ird"] sum False
count(*) filter (where not (t."we""ird" is null))
-- unique filled:["tags"] sum False
count(*) filter (where not (t."tags" is null))
-- unique filled:["mood"] sum False
count(*) filter (where not (t."mood" is null))
-- unique filled:["pair"] sum False
count(*) filter (where not (num_nulls(t."pair") = 1))
-- unique filled:["body"] sum False
count(*) filter (where not (t."body" is null))
-- distribution filled:["twice"] sum False
count(*) filter (where not (t."twice" is null))
-- distribution filled:["share"] sum False
count(*) filter (where not (t."share" is null))
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."int4" is null) group by t."int4") d) end from (select count(distinct t."int4") as v, count(*) as n from only "s"."or""ders" t where not (t."int4" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."int8" is null) group by t."int8") d) end from (select count(distinct t."int8") as v, count(*) as n from only "s"."or""ders" t where not (t."int8" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."text" is null) group by t."text") d) end from (select count(distinct t."text") as v, count(*) as n from only "s"."or""ders" t where not (t."text" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."numeric" is null) group by t."numeric") d) end from (select count(distinct t."numeric") as v, count(*) as n from only "s"."or""ders" t where not (t."numeric" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."float8" is null) group by t."float8") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."money" is null) group by t."money") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."bool" is null) group by t."bool") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."date" is null) group by t."date") d) end from (select count(distinct t."date") as v, count(*) as n from only "s"."or""ders" t where not (t."date" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."timestamptz" is null) group by t."timestamptz") d) end from (select count(distinct t."timestamptz") as v, count(*) as n from only "s"."or""ders" t where not (t."timestamptz" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."oid" is null) group by t."oid") d) end from (select count(distinct t."oid") as v, count(*) as n from only "s"."or""ders" t where not (t."oid" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."we""ird" is null) group by t."we""ird") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."tags" is null) group by t."tags") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."mood" is null) group by t."mood") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (num_nulls(t."pair") = 1) group by t."pair") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."body" is null) group by t."body") d
-- unique
-- asked:asked (0, 'INDEX', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."twice" is null) group by t."twice") d) end from (select count(distinct t."twice") as v, count(*) as n from only "s"."or""ders" t where not (t."twice" is null)) a
-- unique
-- asked:asked (0, 'INDEX', False, False)

select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from only "s"."or""ders" t where not (t."share" is null) group by t."share") d
-- unique
-- asked:asked (0, 'HEAP', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from "s"."parts" t where not (t."int8" is null) group by t."int8") d) end from (select count(distinct t."int8") as v, count(*) as n from "s"."parts" t where not (t."int8" is null)) a
-- unique
-- asked:asked (0, 'HEAP', False, False)

select case when v = n then concat('0 ', n) else (select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0)) from (select count(*) as n from (select "int4", "int8", "text", "numeric", "float8", "money", "bool", "date", "timestamptz", "oid", "we""ird", "tags", "mood", "pair", "body", "twice", "share" from only "s"."a") t where not (t."int8" is null) group by t."int8") d) end from (select count(distinct t."int8") as v, count(*) as n from (select "int4", "int8", "text", "numeric", "float8", "money", "bool", "date", "timestamptz", "oid", "we""ird", "tags", "mood", "pair", "body", "twice", "share" from only "s"."a") t where not (t."int8" is null)) a
-- range asked:asked sum False
count(*) filter (where t."int4" < '1'::pg_catalog.int4 or t."int4" > '9'::pg_catalog.int4)
-- range asked:asked sum False
count(*) filter (where t."int4" < 1)
-- range asked:asked sum False
count(*) filter (where t."int8" < '1'::pg_catalog.int8 or t."int8" > '9'::pg_catalog.int8)
-- range asked:asked sum False
count(*) filter (where t."int8" < 1)
-- range asked:asked sum False
count(*) filter (where t."text" < '1'::pg_catalog.text or t."text" > '9'::pg_catalog.text)
-- range asked:asked sum False
count(*) filter (where t."numeric" < '1'::pg_catalog.numeric or t."numeric" > '9'::pg_catalog.numeric)
-- range asked:asked sum False
count(*) filter (where t."numeric" < '1'::pg_catalog.numeric)
-- range asked:asked sum False
count(*) filter (where t."float8" < '1'::pg_catalog.float8 or t."float8" > '9'::pg_catalog.float8)
-- range asked:asked sum False
count(*) filter (where t."float8" < '1'::pg_catalog.float8)
-- range asked:asked sum False
count(*) filter (where t."money" < '1'::pg_catalog.money or t."money" > '9'::pg_catalog.money)
-- range asked:asked sum False
count(*) filter (where t."money" < '1'::numeric::money)
-- range asked:asked sum False
count(*) filter (where t."bool" < '1'::pg_catalog.bool or t."bool" > '9'::pg_catalog.bool)
-- range asked:asked sum False
count(*) filter (where t."bool" < '1'::pg_catalog.bool)
-- range asked:asked sum False
count(*) filter (where t."date" < '1'::pg_catalog.date or t."date" > '9'::pg_catalog.date)
-- range asked:asked sum False
count(*) filter (where t."date" < '1'::pg_catalog.date)
-- range asked:asked sum False
count(*) filter (where t."timestamptz" < '1'::pg_catalog.timestamptz or t."timestamptz" > '9'::pg_catalog.timestamptz)
-- range asked:asked sum False
count(*) filter (where t."timestamptz" < '1'::pg_catalog.timestamptz)
-- range asked:asked sum False
count(*) filter (where t."oid" < '1'::pg_catalog.oid or t."oid" > '9'::pg_catalog.oid)
-- range asked:asked sum False
count(*) filter (where t."oid" < 1)
-- range asked:asked sum False
count(*) filter (where t."we""ird" < '1'::public.citext or t."we""ird" > '9'::public.citext)
-- range asked:asked sum False
count(*) filter (where t."tags" < '1'::pg_catalog.text[] or t."tags" > '9'::pg_catalog.text[])
-- range asked:asked sum False
count(*) filter (where t."tags" < '1'::pg_catalog.text[])
-- range asked:asked sum False
count(*) filter (where t."mood" < '1'::s.mood or t."mood" > '9'::s.mood)
-- range asked:asked sum False
count(*) filter (where t."mood" < '1'::s.mood)
-- range asked:asked sum False
count(*) filter (where t."pair" < '1'::s.pair or t."pair" > '9'::s.pair)
-- range asked:asked sum False
count(*) filter (where t."pair" < '1'::s.pair)
-- range asked:asked sum False
count(*) filter (where t."body" < '1'::pg_catalog.jsonb or t."body" > '9'::pg_catalog.jsonb)
-- range asked:asked sum False
count(*) filter (where t."body" < '1'::pg_catalog.jsonb)
-- range asked:asked sum False
count(*) filter (where t."twice" < '1'::pg_catalog.int8 or t."twice" > '9'::pg_catalog.int8)
-- range asked:asked sum False
count(*) filter (where t."twice" < 1)
-- range asked:asked sum False
count(*) filter (where t."share" < '1'::s.share or t."share" > '9'::s.share)
-- range asked:asked sum False
count(*) filter (where t."share" < '1'::s.share)
-- accepted_values asked:asked sum False
count(*) filter (where t."int4" is not null and not (t."int4" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.int4[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."int8" is not null and not (t."int8" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.int8[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."text" is not null and not (t."text" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.text[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."numeric" is not null and not (t."numeric" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.numeric[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."float8" is not null and not (t."float8" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.float8[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."money" is not null and not (t."money" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.money[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."bool" is not null and not (t."bool" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.bool[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."bool" is not null and not (t."bool" operator(pg_catalog.=) any(array['true']::pg_catalog.bool[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."date" is not null and not (t."date" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.date[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."timestamptz" is not null and not (t."timestamptz" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.timestamptz[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."oid" is not null and not (t."oid" operator(pg_catalog.=) any(array['a', 'it''s']::pg_catalog.oid[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."we""ird" is not null and not (t."we""ird" operator(public.=) any(array['a', 'it''s']::public.citext[])))
-- accepted_values asked:asked sum False
count(*) filter (where t."tags" is not null and not (t."tags" operator(pg_catalog.=) 'a'::pg_catalog.text[] or t."tags" operator(pg_catalog.=) 'it''s'::pg_catalog.text[]))
-- accepted_values asked:asked sum False
count(*) filter (where t."mood" is not null and not (concat(t."mood") = any(array['a', 'it''s'])))
-- accepted_values asked:asked sum False
count(*) filter (where t."pair" is not null and not (concat(t."pair") = any(array[concat('a'::s.pair), concat('it''s'::s.pair)])))
-- accepted_values asked:asked sum False
count(*) filter (where t."body" is not null and not (concat(t."body") = any(array[concat('a'::pg_catalog.jsonb), concat('it''s'::pg_catalog.jsonb)])))
-- accepted_values asked:asked sum False
count(*) filter (where t."twice" is not null and not (concat(t."twice") = any(array[concat('a'::pg_catalog.int8), concat('it''s'::pg_catalog.int8)])))
-- accepted_values asked:asked sum False
count(*) filter (where t."share" is not null and not (concat(t."share") = any(array[concat('a'::s.share), concat('it''s'::s.share)])))
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."int4" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."int4")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."int8" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."int8")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."text" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."text")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."numeric" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."numeric")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."float8" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."float8")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."money" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."money")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."bool" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."bool")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."date" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."date")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."timestamptz" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."timestamptz")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."oid" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."oid")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."we""ird" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."we""ird"::pg_catalog.int4)
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."tags" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."tags")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."mood" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."mood"::pg_catalog.int4)
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."pair" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."pair"::pg_catalog.int4)
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."body" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."body")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."twice" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."twice")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from only "s"."or""ders" c where (c."share" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."share"::pg_catalog.int4)
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from "s"."parts" c where (c."int8" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."int8")
-- references
-- asked:asked (0, 'HEAP', True, False)

select pg_catalog.count(*) from (select "int4", "int8", "text", "numeric", "float8", "money", "bool", "date", "timestamptz", "oid", "we""ird", "tags", "mood", "pair", "body", "twice", "share" from only "s"."a") c where (c."int8" is not null) and not exists (select from "s"."parts" p where p."int4" operator(pg_catalog.=) c."int8")
-- unchanged
-- asked:asked (0, 'HEAP', False, False)

select sum(hashint8extended(hash_record_extended(row(l.loid, l.pageno, l.data), 0), 1)) from pg_largeobject l where l.loid in (select unnest(array[t."oid"]) from only "s"."or""ders" t)
-- unchanged
-- asked:asked (0, 'HEAP', False, False)

select sum(hashint8extended(hash_record_extended(row(l.loid, l.pageno, l.data), 0), 1)) from pg_largeobject l where l.loid in (select unnest(array[t."oid"]) from "s"."parts" t)
-- unchanged
-- asked:asked (0, 'HEAP', False, False)

select sum(hashint8extended(hash_record_extended(row(l.loid, l.pageno, l.data), 0), 1)) from pg_largeobject l where l.loid in (select unnest(array[t."oid"]) from (select "int4", "int8", "text", "numeric", "float8", "money", "bool", "date", "timestamptz", "oid", "we""ird", "tags", "mood", "pair", "body", "twice", "share" from only "s"."a") t)
-- append_only
-- append_only:s."or""ders":int4 (0, 'HEAP', False, False)

with r as materialized (select t."int4" as k, true as finite, false as old, hashint8extended(hash_record_extended(row(t."int4", t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int4", t."int8"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":int4 (0, 'HEAP', False, False)

with r as materialized (select t."int4" as k, true as finite, t."int4" is null or not true or t."int4" <= '7'::pg_catalog.int4 as old, hashint8extended(hash_record_extended(row(t."int4", t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int4"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.int4), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":int8 (0, 'HEAP', False, False)

with r as materialized (select t."int8" as k, true as finite, false as old, hashint8extended(hash_record_extended(row(t."int8", t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8", t."int8"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":int8 (0, 'HEAP', False, False)

with r as materialized (select t."int8" as k, true as finite, t."int8" is null or not true or t."int8" <= '7'::pg_catalog.int8 as old, hashint8extended(hash_record_extended(row(t."int8", t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.int8), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":numeric (0, 'HEAP', False, False)

with r as materialized (select t."numeric" as k, (t."numeric" < 'NaN' and concat(t."numeric") not like '%Infinity') as finite, false as old, hashint8extended(hash_record_extended(row(t."int8", row(t."numeric")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8", row(t."numeric")::text collate "C"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":numeric (0, 'HEAP', False, False)

with r as materialized (select t."numeric" as k, (t."numeric" < 'NaN' and concat(t."numeric") not like '%Infinity') as finite, t."numeric" is null or not (t."numeric" < 'NaN' and concat(t."numeric") not like '%Infinity') or t."numeric" <= '7'::pg_catalog.numeric as old, hashint8extended(hash_record_extended(row(t."int8", row(t."numeric")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.numeric), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":float8 (0, 'HEAP', False, False)

with r as materialized (select t."float8" as k, t."float8" between '-1e308' and '1e308' as finite, false as old, hashint8extended(hash_record_extended(row(t."int8", row(t."float8")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8", row(t."float8")::text collate "C"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":float8 (0, 'HEAP', False, False)

with r as materialized (select t."float8" as k, t."float8" between '-1e308' and '1e308' as finite, t."float8" is null or not t."float8" between '-1e308' and '1e308' or t."float8" <= '7'::pg_catalog.float8 as old, hashint8extended(hash_record_extended(row(t."int8", row(t."float8")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.float8), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":date (0, 'HEAP', False, False)

with r as materialized (select t."date" as k, isfinite(t."date") as finite, false as old, hashint8extended(hash_record_extended(row(t."date", t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."date", t."int8"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":date (0, 'HEAP', False, False)

with r as materialized (select t."date" as k, isfinite(t."date") as finite, t."date" is null or not isfinite(t."date") or t."date" <= '7'::pg_catalog.date as old, hashint8extended(hash_record_extended(row(t."date", t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.date), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":timestamptz (0, 'HEAP', False, False)

with r as materialized (select t."timestamptz" as k, isfinite(t."timestamptz") as finite, false as old, hashint8extended(hash_record_extended(row(t."int8", t."timestamptz"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8", t."timestamptz"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":timestamptz (0, 'HEAP', False, False)

with r as materialized (select t."timestamptz" as k, isfinite(t."timestamptz") as finite, t."timestamptz" is null or not isfinite(t."timestamptz") or t."timestamptz" <= '7'::pg_catalog.timestamptz as old, hashint8extended(hash_record_extended(row(t."int8", t."timestamptz"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.timestamptz), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":oid (0, 'HEAP', False, False)

with r as materialized (select t."oid" as k, true as finite, false as old, hashint8extended(hash_record_extended(row(t."int8", t."oid"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8", t."oid"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":oid (0, 'HEAP', False, False)

with r as materialized (select t."oid" as k, true as finite, t."oid" is null or not true or t."oid" <= '7'::pg_catalog.oid as old, hashint8extended(hash_record_extended(row(t."int8", t."oid"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.oid), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":twice (0, 'HEAP', False, False)

with r as materialized (select t."twice" as k, true as finite, false as old, hashint8extended(hash_record_extended(row(t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":twice (0, 'HEAP', False, False)

with r as materialized (select t."twice" as k, true as finite, t."twice" is null or not true or t."twice" <= '7'::pg_catalog.int8 as old, hashint8extended(hash_record_extended(row(t."int8"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::pg_catalog.int8), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":share (0, 'HEAP', False, False)

with r as materialized (select t."share" as k, (t."share" < 'NaN' and concat(t."share") not like '%Infinity') as finite, false as old, hashint8extended(hash_record_extended(row(t."int8", row(t."share")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."int8", row(t."share")::text collate "C"), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s."or""ders":share (0, 'HEAP', False, False)

with r as materialized (select t."share" as k, (t."share" < 'NaN' and concat(t."share") not like '%Infinity') as finite, t."share" is null or not (t."share" < 'NaN' and concat(t."share") not like '%Infinity') or t."share" <= '7'::s.share as old, hashint8extended(hash_record_extended(row(t."int8", row(t."share")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(0), 0), 1) as o from only "s"."or""ders" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = '7'::s.share), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s.parts:int8 (0, 'HEAP', False, False)

with r as materialized (select t."int8" as k, true as finite, false as old, hashint8extended(hash_record_extended(row(t."bool", t."date", t."int4", t."int8", t."oid", t."text" collate "C", t."timestamptz", row(t."body", t."float8", t."money", t."mood", t."numeric", t."pair", t."share", t."tags", t."we""ird")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."bool", t."date", t."int4", t."int8", t."oid", t."text" collate "C", t."timestamptz", row(t."body", t."float8", t."money", t."mood", t."numeric", t."pair", t."share", t."tags", t."we""ird")::text collate "C"), 0), 1) as o from "s"."parts" t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- append_only
-- append_only:s.far:int8 (0, 'HEAP', False, False)

with r as materialized (select t."int8" as k, true as finite, false as old, hashint8extended(hash_record_extended(row(t."bool", t."date", t."int4", t."int8", t."oid", t."text" collate "C", t."timestamptz", row(t."body", t."float8", t."money", t."mood", t."numeric", t."pair", t."share", t."tags", t."we""ird")::text collate "C"), 0), 1) as h, hashint8extended(hash_record_extended(row(t."bool", t."date", t."int4", t."int8", t."oid", t."text" collate "C", t."timestamptz", row(t."body", t."float8", t."money", t."mood", t."numeric", t."pair", t."share", t."tags", t."we""ird")::text collate "C"), 0), 1) as o from (select "int4", "int8", "text", "numeric", "float8", "money", "bool", "date", "timestamptz", "oid", "we""ird", "tags", "mood", "pair", "body", "twice", "share" from only "s"."a") t offset 0) select concat(json_build_object('greatest', concat((select max(k) from r where finite)), 'last', (select count(*) from r where k = (select max(k) from r where finite)), 'last then', (select count(*) from r where k = null), 'rows', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(h % 256) as place, count(*) as n, sum(h) as s from r group by 1) b), 'then', (select json_object_agg(place, concat(n, ' ', s)) from (select abs(o % 256) as place, count(*) as n, sum(o) as s from r where old group by 1) b)))
-- distribution sum:int4 sum False
sum(t."int4"::numeric) filter (where t."int4" is not null)
-- distribution numbers:int4 sum False
count(*) filter (where t."int4" is not null)
-- distribution sum:int8 sum False
sum(t."int8"::numeric) filter (where t."int8" is not null)
-- distribution numbers:int8 sum False
count(*) filter (where t."int8" is not null)
-- distribution sum:numeric sum False
sum(t."numeric"::numeric) filter (where t."numeric" < 'NaN' and concat(t."numeric") not like '%Infinity')
-- distribution numbers:numeric sum False
count(*) filter (where t."numeric" < 'NaN' and concat(t."numeric") not like '%Infinity')
-- distribution sum:float8 sum False
sum(t."float8"::numeric) filter (where (t."float8")::float8 between -1.7976931348623157e308 and 1.7976931348623157e308)
-- distribution numbers:float8 sum False
count(*) filter (where (t."float8")::float8 between -1.7976931348623157e308 and 1.7976931348623157e308)
-- distribution sum:money sum False
sum(t."money"::numeric) filter (where t."money" is not null)
-- distribution numbers:money sum False
count(*) filter (where t."money" is not null)
-- distribution sum:twice sum False
sum(t."twice"::numeric) filter (where t."twice" is not null)
-- distribution numbers:twice sum False
count(*) filter (where t."twice" is not null)
-- distribution sum:share sum False
sum(t."share"::numeric) filter (where t."share" < 'NaN' and concat(t."share") not like '%Infinity')
-- distribution numbers:share sum False
count(*) filter (where t."share" < 'NaN' and concat(t."share") not like '%Infinity')
