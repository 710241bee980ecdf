"""PostgreSQL's own messages, with holes for names and values. Pure data.

Source: PostgreSQL, src/backend, src/pl and contrib (amcheck), where `ereport` has them, of versions 13 to 18.
`tests/integration/test_server_messages.py` compares them with the installed programs.
"""

import errno
import os
import re
from collections.abc import Mapping

_THING = (
    "access method|aggregate|cast|collation|column|constraint|conversion|cursor|database|domain|event trigger"
    "|extension|foreign table|foreign[- ]data wrapper|function|index|language|large object|materialized view"
    "|operator|operator class|operator family|parameter|policy|prepared statement|procedure|publication"
    "|relation|role|rule|schema|sequence|server|statistics object|routine|subscription|table|tablespace"
    "|text search configuration|text search dictionary|text search parser|text search template|trigger|type"
    "|user mapping|view|foreign server|type or domain|event trigger|replication slot"
)
_ENCODING = (
    "BIG5|EUC_CN|EUC_JIS_2004|EUC_JP|EUC_KR|EUC_TW|GB18030|GBK|ISO_8859_[5-8]|JOHAB|KOI8R|KOI8U|LATIN[0-9]{1,2}"
    "|MULE_INTERNAL|SHIFT_JIS_2004|SJIS|SQL_ASCII|UHC|UTF8|WIN[0-9]{3,4}"
)
_CLAUSE = (
    "WHERE|HAVING|GROUP BY|ORDER BY|DISTINCT ON|ON|JOIN/ON|JOIN|LIMIT|OFFSET|VALUES|RETURNING|FILTER|CASE|CASE/WHEN"
    "|COALESCE|UNION|INTERSECT|EXCEPT|GREATEST|LEAST|NOT|AND|OR|IN|SELECT|EXECUTE|CALL|WINDOW|ARRAY|IS TRUE"
    "|IS FALSE|IS NOT TRUE|IS NOT FALSE|WHEN|CASE/ELSE|AS|FETCH|functions in FROM|policy expressions"
)
_OBJECT = (
    "AGGREGATE|CAST|COLLATION|CONVERSION|DATABASE|DOMAIN|EXTENSION|FUNCTION|INDEX|LANGUAGE|MATERIALIZED VIEW|OPERATOR"
    "|POLICY|PROCEDURE|PUBLICATION|ROLE|RULE|SCHEMA|SEQUENCE|SERVER|STATISTICS|SUBSCRIPTION|TABLE AS|TABLE"
    "|TABLESPACE|TRIGGER|TYPE|USER MAPPING|VIEW"
)
_COMMAND = (
    rf"(?:ALTER|CREATE|DROP) (?:{_OBJECT})|ANALYZE|CALL|CLUSTER|COMMENT|COPY FROM|DELETE|EXECUTE|GRANT|INSERT|LOCK TABLE"
    r"|MERGE|NOTIFY|LISTEN|REASSIGN OWNED|REFRESH MATERIALIZED VIEW|REINDEX|REVOKE|SELECT FOR (?:NO KEY )?UPDATE"
    r"|SELECT FOR (?:KEY )?SHARE|SELECT INTO|TRUNCATE TABLE|UPDATE|VACUUM|nextval\(\)|setval\(\)"
    r"|pg_notify\(\)|lo_(?:create|creat|put|from_bytea|unlink|import|truncate|truncate64)\(\)|lowrite\(\)"
)
_ERRNO = "|".join(re.escape(os.strerror(number)) for number in errno.errorcode)

CLOSED = {
    "thing": _THING,
    "encoding": _ENCODING,
    "clause": _CLAUSE,
    "command": _COMMAND,
    "errno": _ERRNO,
}
"""Holes with a fixed set of words, which are safe to show."""
OPEN = {
    "name": r".{1,400}?",
    "type": r".{1,400}?",
    "signature": r".{1,400}?\(.{0,400}?\)",
    "file": r".{1,400}?",
    "number": r"-?\d{1,30}",
    "path": r"(?:base|global|pg_[a-z]{3,12})/[^\"]{1,200}",
    "value": r".*",
}
"""An unknown name, type, signature or file (library) hides the whole message. A number, data path or value is
hidden alone, unless the configured SQL contains it.
"""
ALONE = frozenset({"number", "path", "value"})

_TYPE_WORDS = (
    "abstime aclitem any anyarray anycompatible anycompatiblearray anyelement anyenum anynonarray anyrange bigint"
    " bit boolean box bytea char character cid cidr circle cstring date event_trigger inet int2vector integer"
    " internal interval json jsonb jsonpath line lseg macaddr macaddr8 money name numeric oid oidvector path"
    " pg_lsn pg_node_tree pg_snapshot point polygon real record refcursor regclass regcollation regconfig"
    " regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype smallint text tid"
    " trigger tsquery tsvector txid_snapshot unknown uuid void xid xid8 xml int4range int8range numrange tsrange"
    " tstzrange daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange"
    " datemultirange"
)
TYPES = frozenset(_TYPE_WORDS.split()) | {
    '"char"', "bit varying", "character varying", "double precision", "time with time zone", "time without time zone",
    "timestamp with time zone", "timestamp without time zone",
}  # fmt: skip

DAMAGE = {
    "XX000": """
        missing chunk number {number} for toast value {number} in {name}
        unexpected chunk number {number} (expected {number}) for toast value {number} in {name}
        """,
    "XX001": """
        compressed lz4 data is corrupt
        compressed pglz data is corrupt
        could not access status of transaction {number}
        could not read block {number} in file "{path}": read only {number} of {number} bytes
        could not read blocks {number}..{number} in file "{path}": read only {number} of {number} bytes
        invalid page in block {number} of relation "{path}"
        invalid page in block {number} of relation {path}
        missing chunk number {number} for toast value {number} in {name}
        unexpected chunk number {number} (expected {number}) for toast value {number} in {name}
        unexpected chunk number {number} (out of range {number}..{number}) for toast value {number} in {name}
        unexpected chunk size {number} (expected {number}) in chunk {number} of {number} for toast value {number} in {name}
        """,
    "XX002": """
        could not find tuple using search from root page in index "{name}"
        cross page item order invariant violated for index "{name}"
        down-link lower bound invariant violated for index "{name}"
        heap tuple ({number},{number}) from table "{name}" lacks matching index tuple within index "{name}"
        high key invariant violated for index "{name}"
        index "{name}" contains corrupted page at block {number}
        index "{name}" contains unexpected zero page at block {number}
        index "{name}" is not a btree
        index "{name}" lacks a main relation fork
        index "{name}" meta page is corrupt
        item order invariant violated for index "{name}"
        left link/right link pair in index "{name}" not in agreement
        """,
    "58P01": """
        could not open directory "{path}": {errno}
        could not open file "{path}": {errno}
        could not read file "{path}": {errno}
        could not stat file "{path}": {errno}
        """,
    "58030": """
        could not open file "{path}": {errno}
        could not read block {number} in file "{path}": {errno}
        could not read blocks {number}..{number} in file "{path}": {errno}
        could not read file "{path}": {errno}
        """,
}
"""The server cannot read its own data: no statement on an undamaged database can cause these messages."""

_OTHERS = {
    "08001": """
        could not connect to server "{name}"
        """,
    "0A000": """
        cannot use subquery in check constraint
        cannot use subquery in index expression
        ICU is not supported in this build
        cross-database references are not implemented: {name}
        extension "{name}" is not available
        set-returning functions are not allowed in {clause}
        set-valued function called in context that cannot accept a set
        """,
    "21000": """
        more than one row returned by a subquery used as an expression
        """,
    "22001": """
        value too long for type {type}
        """,
    "22003": """
        bigint out of range
        integer out of range
        smallint out of range
        numeric field overflow
        value overflows numeric format
        value out of range: overflow
        value out of range: underflow
        "{value}" is out of range for type {type}
        value "{value}" is out of range for type {type}
        """,
    "22004": """
        null value cannot be assigned to variable "{name}" declared NOT NULL
        """,
    "22007": """
        invalid input syntax for type {type}: "{value}"
        invalid value "{value}" for "{value}"
        """,
    "22008": """
        date out of range: "{value}"
        date/time field value out of range: "{value}"
        date field value out of range: {value}
        interval out of range
        timestamp out of range
        timestamp out of range: "{value}"
        """,
    "2200M": """
        could not parse XML document
        invalid XML document
        """,
    "2200N": """
        invalid XML content
        """,
    "22012": """
        division by zero
        """,
    "2201B": """
        invalid regular expression: {value}
        """,
    "2201W": """
        LIMIT must not be negative
        """,
    "2201X": """
        OFFSET must not be negative
        """,
    "22021": """
        invalid byte sequence for encoding "{encoding}": {value}
        """,
    "22023": """
        could not create locale "{name}": {errno}
        could not open collator for locale "{name}": {value}
        cannot extract elements from an object
        cannot extract elements from a scalar
        cannot get array length of a non-array
        cannot get array length of a scalar
        extension "{name}" has no installation script nor update path for version "{value}"
        invalid value for parameter "{name}": "{value}"
        invalid value for parameter "{name}": {number}
        parameter "{name}" requires a Boolean value
        security label provider "{name}" is not loaded
        time zone "{value}" not recognized
        unrecognized parameter "{name}"
        {number} is outside the valid range for parameter "{name}" ({number} .. {number})
        """,
    "22P02": """
        invalid input syntax for type {type}
        invalid input syntax for type {type}: "{value}"
        invalid input value for enum {name}: "{value}"
        malformed array literal: "{value}"
        malformed multirange literal: "{value}"
        malformed range literal: "{value}"
        malformed record literal: "{value}"
        """,
    "22P04": """
        extra data after last expected column
        literal carriage return found in data
        literal newline found in data
        missing data for column "{name}"
        row field count is {number}, expected {number}
        unexpected EOF in COPY data
        unterminated CSV quoted field
        """,
    "22P05": """
        character with byte sequence {value} in encoding "{encoding}" has no equivalent in encoding "{encoding}"
        unsupported Unicode escape sequence
        """,
    "23502": """
        column "{name}" of relation "{name}" contains null values
        column "{name}" of table "{name}" contains null values
        domain {type} does not allow null values
        null value in column "{name}" of relation "{name}" violates not-null constraint
        """,
    "23503": """
        insert or update on table "{name}" violates foreign key constraint "{name}"
        update or delete on table "{name}" violates foreign key constraint "{name}" on table "{name}"
        """,
    "23505": """
        could not create unique index "{name}"
        duplicate key value violates unique constraint "{name}"
        """,
    "23514": """
        check constraint "{name}" of relation "{name}" is violated by some row
        column "{name}" of table "{name}" contains values that violate the new constraint
        new row for relation "{name}" violates check constraint "{name}"
        new row for relation "{name}" violates partition constraint
        no partition of relation "{name}" found for row
        partition constraint of relation "{name}" is violated by some row
        value for domain {type} violates check constraint "{name}"
        """,
    "23P01": """
        conflicting key value violates exclusion constraint "{name}"
        could not create exclusion constraint "{name}"
        """,
    "25001": """
        {command} cannot run inside a transaction block
        """,
    "25006": """
        cannot execute {command} in a read-only transaction
        """,
    "25P02": """
        current transaction is aborted, commands ignored until end of transaction block
        """,
    "2BP01": """
        cannot drop {thing} {name} because other objects depend on it
        """,
    "3D000": """
        database "{name}" does not exist
        """,
    "3F000": """
        no schema has been selected to create in
        schema "{name}" does not exist
        """,
    "40001": """
        could not serialize access due to concurrent delete
        could not serialize access due to concurrent update
        could not serialize access due to read/write dependencies among transactions
        """,
    "40P01": """
        deadlock detected
        """,
    "42501": """
        must be able to SET ROLE "{name}"
        must be member of role "{name}"
        must be owner of large object {number}
        must be owner of type {name} or type {name}
        must be owner of {thing} {name}
        must be superuser
        must be superuser to alter superuser roles or change superuser attribute
        must be superuser to alter superusers
        must be superuser to call {name}()
        must be superuser to change bypassrls attribute
        must be superuser to create FOR ALL TABLES publication
        must be superuser to create FOR TABLES IN SCHEMA publication
        must be superuser to create a base type
        must be superuser to create a cast WITHOUT FUNCTION
        must be superuser to create an operator class
        must be superuser to create an operator family
        must be superuser to create bypassrls users
        must be superuser to create custom procedural language
        must be superuser to create replication users
        must be superuser to create subscriptions
        must be superuser to create superusers
        must be superuser to create text search parsers
        must be superuser to create text search templates
        must be superuser to specify a support function
        must have CREATEROLE privilege
        must have admin option on role "{name}"
        new row violates row-level security policy for table "{name}"
        permission denied
        permission denied for column "{name}" of relation "{name}"
        permission denied for large object {number}
        permission denied for {thing} "{name}"
        permission denied for {thing} {name}
        permission denied to COPY from a file
        permission denied to COPY to a file
        permission denied to COPY to or from an external program
        permission denied to alter role
        permission denied to alter setting
        permission denied to change default privileges
        permission denied to change owner of database
        permission denied to change owner of event trigger "{name}"
        permission denied to change owner of foreign-data wrapper "{name}"
        permission denied to change owner of publication "{name}"
        permission denied to create "{name}.{name}"
        permission denied to create access method "{name}"
        permission denied to create database
        permission denied to create event trigger "{name}"
        permission denied to create extension "{name}"
        permission denied to create foreign-data wrapper "{name}"
        permission denied to create role
        permission denied to create subscription
        permission denied to create tablespace "{name}"
        permission denied to create temporary tables in database "{name}"
        permission denied to drop role
        permission denied to examine "{name}"
        permission denied to grant role "{name}"
        permission denied to rename database
        permission denied to rename role
        permission denied to revoke role "{name}"
        permission denied to set parameter "{name}"
        permission denied to set role "{name}"
        permission denied to set session authorization "{name}"
        permission denied to terminate process
        permission denied to update extension "{name}"
        permission denied: "{name}" is a system catalog
        permission denied: "{name}" is a system trigger
        query would be affected by row-level security policy for table "{name}"
        """,
    "42601": """
        INSERT has more expressions than target columns
        INSERT has more target columns than expressions
        VALUES lists must all be the same length
        a column definition list is required for functions returning "record"
        cannot insert multiple commands into a prepared statement
        each {clause} query must have the same number of columns
        subquery has too few columns
        subquery has too many columns
        subquery must return only one column
        syntax error at end of input
        syntax error at or near "{value}"
        trailing junk after numeric literal at or near "{value}"
        unterminated /* comment at or near "{value}"
        unterminated dollar-quoted string at or near "{value}"
        unterminated quoted identifier at or near "{value}"
        unterminated quoted string at or near "{value}"
        zero-length delimited identifier at or near "{value}"
        """,
    "42602": """
        invalid name syntax
        """,
    "42701": """
        column "{name}" of relation "{name}" already exists
        column "{name}" specified more than once
        """,
    "42702": """
        column reference "{name}" is ambiguous
        """,
    "42703": """
        column "{name}" does not exist
        column "{name}" named in key does not exist
        column "{name}" of relation "{name}" does not exist
        column "{name}" specified in USING clause does not exist in left table
        column "{name}" specified in USING clause does not exist in right table
        column {name} does not exist
        record "{name}" has no field "{name}"
        """,
    "42704": """
        collation "{name}" for encoding "{encoding}" does not exist
        constraint "{name}" of relation "{name}" does not exist
        data type {type} has no default operator class for access method "{name}"
        large object {number} does not exist
        operator class "{name}" does not exist for access method "{name}"
        operator family "{name}" does not exist for access method "{name}"
        trigger "{name}" for table "{name}" does not exist
        policy "{name}" for table "{name}" does not exist
        type "{name}" does not exist
        type {name} does not exist
        unrecognized configuration parameter "{name}"
        {thing} "{name}" does not exist
        """,
    "42710": """
        constraint "{name}" for relation "{name}" already exists
        policy "{name}" for table "{name}" already exists
        trigger "{name}" for relation "{name}" already exists
        {thing} "{name}" already exists
        """,
    "42712": """
        table name "{name}" specified more than once
        """,
    "42723": """
        function "{name}" already exists with same argument types
        """,
    "42725": """
        function name "{name}" is not unique
        function {signature} is not unique
        operator is not unique: {name} {type}
        operator is not unique: {type} {name} {type}
        """,
    "42803": """
        aggregate functions are not allowed in {clause}
        column "{name}" must appear in the GROUP BY clause or be used in an aggregate function
        """,
    "42804": """
        column "{name}" is of type {type} but default expression is of type {type}
        argument of {clause} must be type {type}, not type {type}
        column "{name}" is of type {type} but expression is of type {type}
        foreign key constraint "{name}" cannot be implemented
        {clause} types {type} and {type} cannot be matched
        """,
    "42809": """
        "{name}" is not a materialized view
        "{name}" is not a sequence
        "{name}" is not a table
        "{name}" is not a view
        """,
    "42830": """
        there is no unique constraint matching given keys for referenced table "{name}"
        """,
    "42846": """
        cannot cast type {type} to {type}
        """,
    "42883": """
        aggregate {signature} does not exist
        could not find function "{name}" in file "{file}"
        could not identify an equality operator for type {type}
        could not identify an ordering operator for type {type}
        function "{name}" does not exist
        function {signature} does not exist
        operator does not exist: {name}
        operator does not exist: {name} {type}
        operator does not exist: {type} {name} {type}
        procedure {signature} does not exist
        """,
    "42939": """
        unacceptable schema name "{name}"
        """,
    "42P01": """
        invalid reference to FROM-clause entry for table "{name}"
        missing FROM-clause entry for table "{name}"
        relation "{name}" does not exist
        {thing} "{name}" does not exist
        """,
    "42P02": """
        there is no parameter ${number}
        """,
    "42P04": """
        database "{name}" already exists
        """,
    "42P06": """
        schema "{name}" already exists
        """,
    "42P07": """
        relation "{name}" already exists
        """,
    "42P10": """
        for SELECT DISTINCT, ORDER BY expressions must appear in select list
        there is no unique or exclusion constraint matching the ON CONFLICT specification
        """,
    "42P13": """
        cannot change return type of existing function
        return type mismatch in function declared to return {type}
        """,
    "42P16": """
        multiple primary keys for table "{name}" are not allowed
        """,
    "42P17": """
        empty range bound specified for partition "{name}"
        functions in index expression must be marked IMMUTABLE
        functions in index predicate must be marked IMMUTABLE
        generation expression is not immutable
        infinite recursion detected in policy for relation "{name}"
        infinite recursion detected in rules for relation "{name}"
        partition "{name}" would overlap partition "{name}"
        """,
    "42P18": """
        could not determine data type of parameter ${number}
        """,
    "42P20": """
        window functions are not allowed in {clause}
        """,
    "42P22": """
        could not determine which collation to use for string comparison
        could not determine which collation to use for string hashing
        """,
    "53100": """
        could not extend file "{path}": {errno}
        could not extend file "{path}": wrote only {number} of {number} bytes at block {number}
        could not write block {number} in file "{path}": {errno}
        could not write to file "{path}": {errno}
        """,
    "53200": """
        could not resize shared memory segment "{value}" to {number} bytes: {errno}
        out of memory
        out of shared memory
        """,
    "53300": """
        remaining connection slots are reserved for non-replication superuser connections
        sorry, too many clients already
        too many connections for database "{name}"
        too many connections for role "{name}"
        """,
    "53400": """
        temporary file size exceeds temp_file_limit ({number}kB)
        """,
    "54000": """
        index row requires {number} bytes, maximum size is {number}
        array size exceeds the maximum allowed ({number})
        index row size {number} exceeds btree version {number} maximum {number} for index "{name}"
        index row size {number} exceeds maximum {number} for index "{name}"
        requested length too large
        row is too big: size {number}, maximum size {number}
        """,
    "54001": """
        stack depth limit exceeded
        """,
    "54011": """
        tables can have at most {number} columns
        target lists can have at most {number} entries
        """,
    "55000": """
        currval of sequence "{name}" is not yet defined in this session
        database "{name}" is not currently accepting connections
        materialized view "{name}" has not been populated
        {name} can only be loaded via shared_preload_libraries
        {name} must be loaded via "shared_preload_libraries"
        {name} must be loaded via shared_preload_libraries
        """,
    "55006": """
        database "{name}" is being accessed by other users
        """,
    "55P02": """
        parameter "{name}" cannot be changed
        parameter "{name}" cannot be changed now
        parameter "{name}" cannot be changed without restarting the server
        parameter "{name}" cannot be set after connection start
        """,
    "55P03": """
        canceling statement due to lock timeout
        could not obtain lock on relation "{name}"
        """,
    "57014": """
        canceling statement due to lock timeout
        canceling statement due to statement timeout
        canceling statement due to user request
        """,
    "57P01": """
        terminating connection due to administrator command
        """,
    "57P03": """
        the database system is in recovery mode
        the database system is not yet accepting connections
        the database system is shutting down
        the database system is starting up
        """,
    "58P01": """
        could not access file "{file}": {errno}
        could not load library "{file}": {value}
        could not open extension control file "{value}": {errno}
        """,
    "F0000": """
        could not open affix file "{value}": {errno}
        could not open dictionary file "{value}": {errno}
        could not open stop-word file "{value}": {errno}
        could not open synonym file "{value}": {errno}
        could not open thesaurus file "{value}": {errno}
        """,
    "XX000": """
        cache lookup failed for access method {number}
        cache lookup failed for attribute {number} of relation {number}
        cache lookup failed for constraint {number}
        cache lookup failed for function {number}
        cache lookup failed for index {number}
        cache lookup failed for operator {number}
        cache lookup failed for relation {number}
        cache lookup failed for type {number}
        could not map anonymous shared memory: {errno}
        could not open relation with OID {number}
        invalid memory alloc request size {number}
        """,
}

PROGRAMS = {
    "pg_restore": """
        bad dumpId
        bad table dumpId for TABLE DATA item
        corrupt tar header found in {value} (expected {number}, computed {number}) file position {number}
        could not decompress data: {value}
        could not find block ID {number} in archive -- possibly corrupt archive
        could not find block ID {number} in archive -- possibly due to out-of-order restore request, which cannot be handled due to non-seekable input file
        could not find entry for ID {number}
        could not find file "{value}" in archive
        could not find header for file "{value}" in tar archive
        could not open TOC file "{value}" for input: {errno}
        could not open input file "{value}": {errno}
        could not open large object TOC file "{value}" for input: {errno}
        could not read from input file: end of file
        could not read from input file: {errno}
        could not read from input file: {value}
        could not read input file: {errno}
        could not uncompress data: {value}
        did not find magic string in file header
        error reading large object TOC file "{value}"
        file offset in dump file is too large
        found unexpected block ID ({number}) when reading data -- expected {number}
        input file appears to be a text format dump. Please use psql.
        input file does not appear to be a valid archive
        input file does not appear to be a valid archive (too short?)
        input file is too short (read {number}, expected {number})
        invalid compression code: {number}
        invalid creation date in header
        invalid ENCODING item: {value}
        invalid OID for large object
        invalid OID for large object ({number})
        invalid STDSTRINGS item: {value}
        invalid line in large object TOC file "{value}": "{value}"
        unexpected COPY statement syntax: "{value}"
        unexpected data offset flag {number}
        unexpected end of file
        unexpected section code {number}
        unsupported version ({number}.{number}) in file header
        """,
    "connection": """
        database "{name}" does not exist
        database "{name}" is not currently accepting connections
        no pg_hba.conf entry for host "{value}", user "{name}", database "{name}", {value}
        password authentication failed for user "{name}"
        permission denied for database "{name}"
        role "{name}" does not exist
        role "{name}" is not permitted to log in
        sorry, too many clients already
        the database system is in recovery mode
        the database system is shutting down
        the database system is starting up
        too many connections for database "{name}"
        too many connections for role "{name}"
        """,
    "postmaster": """
        all server processes terminated; reinitializing
        consistent recovery state reached at {value}
        could not fsync file "{path}": {errno}
        could not locate a valid checkpoint record
        could not locate required checkpoint record
        could not write to file "{path}": {errno}
        database system is ready to accept connections
        database system is ready to accept read-only connections
        database system is shut down
        database system was interrupted while in recovery at {value}
        database system was interrupted; last known up at {value}
        database system was not properly shut down; automatic recovery in progress
        database system was shut down at {value}
        incorrect resource manager data checksum in record at {value}
        out of memory
        page verification failed, calculated checksum {number} but expected {number}
        redo done at {value}
        redo is not required
        redo starts at {value}
        shutting down due to startup process failure
        server process (PID {number}) exited with exit code {number}
        server process (PID {number}) was terminated by signal {number}: {value}
        starting PostgreSQL {value}
        startup process (PID {number}) exited with exit code {number}
        startup process (PID {number}) was terminated by signal {number}: {value}
        terminating any other active server processes
        """,
    "psql": """
        backslash commands are restricted
        backslash commands are restricted; only \\unrestrict is allowed
        could not read from input file: {errno}
        invalid command \\{value}
        """,
}
"""Messages without a SQLSTATE: of the programs on their input, and of a server on itself or its clients. An error
raised by a restored function may look like one of these. Sources: src/bin/pg_dump, src/fe_utils, src/bin/psql.
"""


def lines(*texts: str) -> tuple[str, ...]:
    return tuple(line.strip() for text in texts for line in text.splitlines() if line.strip())


TEMPLATES: Mapping[str, tuple[str, ...]] = {
    code: lines(DAMAGE.get(code, ""), _OTHERS.get(code, ""), PROGRAMS.get(code, ""))
    for code in {**_OTHERS, **DAMAGE, **PROGRAMS}
}
"""SQLSTATE or program → PostgreSQL's messages; `{…}` are holes of the kinds above."""
