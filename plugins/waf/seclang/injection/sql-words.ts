// Words of SQL by kind: facts from the public references of SQL:2016, MySQL, MariaDB, PostgreSQL, Oracle, SQL Server,
// SQLite, Access, DB2 and Snowflake. Built once when the module is loaded; the tokeniser and folding look words up here.
import type { TokenType } from './sql-token.ts'

const logic = `
  and or xor`

/** Between two values, or before one; the phrases are made by folding. */
const operators = `
  between div eqv glob ilike imp is like mod not overlaps regexp rlike similar`
const operatorPhrases = `
  at time|at time zone|is distinct|is distinct from|is not|is not distinct|is not distinct from|is not of|is of|
  like binary|member of|not between|not glob|not ilike|not like|not like binary|not regexp|not rlike|not similar|
  not similar to|regexp binary|rlike binary|similar to|sounds like`

const unions = `
  except intersect minus union`
const unionPhrases = `
  except all|except distinct|intersect all|intersect distinct|minus all|union all|union all distinct|
  union distinct|union distinct all`

const groups = `
  having limit qualify`
const groupPhrases = `
  cluster by|distribute by|group by|group by all|limit all|order by|order siblings|order siblings by|partition by|
  sort by`

/** What begins a query or an expression with parts of its own. */
const expressions = `
  case create delete exec execute insert replace select update upsert values`
const expressionPhrases = `
  create alias|create database|create extension|create function|create index|create login|create or|
  create or replace|create procedure|create role|create schema|create table|create temp|create temp table|
  create temporary|create temporary table|create trigger|create unique|create unique index|create user|create view|
  delete from|execute immediate|insert delayed|insert ignore|insert ignore into|insert into|insert low_priority|
  insert overwrite|replace into|select all|select distinct|select distinctrow|select high_priority|
  select sql_calc_found_rows|select sql_no_cache|select straight_join|select top|update ignore|update low_priority|
  with recursive`

/** Statements that stand by themselves after a semicolon (batches of SQL Server, MySQL and others). */
const statements = `
  alter analyze attach backup begin bulk call checkpoint commit copy dbcc deallocate declare deny desc describe
  detach do drop explain fetch goto grant handler kill listen load lock merge notify open optimize pragma prepare
  print raiserror readtext reconfigure reindex rename restore revoke rollback savepoint set shutdown throw
  truncate unlisten unlock updatetext use vacuum waitfor while writetext`
const statementPhrases = `
  alter database|alter login|alter role|alter session|alter system|alter table|alter user|
  backup database|backup log|begin catch|begin declare|begin tran|begin transaction|begin try|
  bulk insert|copy into|drop column|drop database|drop function|drop index|drop login|drop procedure|
  drop role|drop schema|drop table|drop trigger|drop user|drop view|load data|load data infile|
  load data local|load data local infile|load data low_priority|load extension|load file|load xml|
  load xml concurrent|load xml concurrent infile|load xml infile|load xml local|load xml local infile|
  load xml low_priority|load xml low_priority infile|lock table|lock tables|rename table|set global|
  set local|set password|set session|show columns|show databases|show grants|show tables|
  show variables|start transaction|truncate table|unlock tables|use master|wait for|wait for delay|
  wait for time|waitfor delay|waitfor time`

const keywords = `
  add after against all any as asc authorization auto_increment autocommit backward before binlog both
  bulk by cascade change check close clustered compute concurrently connect constraint
  contained containstable continue cube current cursor databases day_hour day_microsecond day_minute
  day_second default deferrable delay delayed delimiter disable distinct distinctrow distributed dual
  dumpfile each else elseif elsif enable enclosed end errlvl escape escaped every exclude exclusive
  exit external fast fillfactor following for force foreign freetexttable freeze from full fulltext
  global go having holdlock hour_microsecond hour_minute hour_second identified identity
  identity_insert ignore immediate in increment index indexed infile initially inner inout instead
  intersection into invoker isolation iterate join key keys language lateral leading leave limits
  linear lineno lines logged loop low_priority match matched materialized maxvalue minute_microsecond
  minute_second mlslabel modifies modify natural noaudit nocheck nocompress nologfile nonclustered
  nowait of off offline offset offsets on online only openxml option optionally out outer outfile over
  overlay pctfree percent pivot plan preceding precision primary prior privileges proc procedure
  public purge raise range read read_write reads rebuild recursive references release rely repeatable
  replication require resource restrict result return returning returns row rowcount rowguidcol rownum
  rows rule save sensitive separator session share siblings some sql_big_result sql_calc_found_rows
  sql_no_cache sql_small_result sqlexception sqlstate sqlwarning start starting statistics stored
  straight_join successful synonym table tablesample temporary terminated textsize then ties to top
  trailing transaction trigger tsequal unbounded undo unique unpivot until usage using validate
  varying verbose view when where window with within without year_month zerofill`
const keywordPhrases = `
  as of|connect by|connect by prior|cross apply|cross join|do nothing|else if|enclosed by|end case|end catch|
  end if|end loop|end try|escaped by|fetch first|fetch next|fields terminated|fields terminated by|for each|
  for each row|for json|for json auto|for json path|for share|for update|for xml|for xml auto|for xml path|
  for xml raw|foreign key|full join|full outer|full outer join|having count|in boolean|in boolean mode|in natural|
  in natural language|in natural language mode|inner join|into dumpfile|into outfile|into table|into variables|
  left join|left outer|left outer join|lines starting|lines starting by|lines terminated|lines terminated by|
  lock in|lock in share|lock in share mode|natural full|natural full join|natural inner|natural inner join|
  natural join|natural left|natural left join|natural left outer|natural left outer join|natural right|
  natural right join|natural right outer|natural right outer join|not in|on conflict|on duplicate|on duplicate key|
  on duplicate key update|outer apply|primary key|procedure analyse|procedure analyze|range between|right join|
  right outer|right outer join|row only|rows between|rows only|start with|starting by|terminated by|when matched|
  when not|when not matched|with admin|with admin option|with cube|with grant|with grant option|with nolock|
  with query expansion|with rollup|with ties|within group`

const types = `
  _armscii8 _ascii _big5 _binary _cp1250 _cp1251 _cp1256 _cp1257 _cp850 _cp852 _cp866 _cp932 _dec8 _eucjpms _euckr
  _gb18030 _gb2312 _gbk _geostd8 _greek _hebrew _hp8 _keybcs2 _koi8r _koi8u _latin1 _latin2 _latin5 _latin7 _macce
  _macroman _sjis _swe7 _tis620 _ucs2 _ujis _utf16 _utf16le _utf32 _utf8 _utf8mb3 _utf8mb4 array bfile bigint
  bigserial binary binary_double binary_float bit blob bool boolean box bpchar bytea byteint character cidr circle
  clob cursor_type date32 datetime datetime2 datetimeoffset dec decimal double enum fixed float float4 float8
  geography geometry hierarchyid hstore image inet inet6 int int1 int2 int3 int4 int8 integer interval jsonb
  longblob longtext lseg macaddr mediumblob mediumint mediumtext middleint money multiset national nchar2 nclob
  ntext number numeric numeric2 nvarchar nvarchar2 oid raw real refcursor regclass regconfig regoper regproc
  regprocedure regrole regtype rowid rowversion serial signed smalldatetime smallint smallmoney smallserial
  sql_variant sysname text tid timestamptz timetz tinyblob tinyint tinytext tsquery tsvector txid_snapshot
  uniqueidentifier unsigned urowid varbinary varbit varchar varchar2 varcharacter xid`
const typePhrases = `
  binary varying|bit varying|char varying|character varying|double precision|long raw|long varchar|national char|
  national character|national varchar|signed int|signed integer|time without time zone|timestamp without time zone|
  unsigned big|unsigned bigint|unsigned int|unsigned integer`

/** Words that stand for a value: a keyword where others have a variable. */
const variables = `
  current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime
  localtimestamp null session_user sysdate system_user systimestamp unknown utc_date utc_time utc_timestamp`

const numbers = `
  binary_double_infinity binary_double_nan binary_float_infinity binary_float_nan false true`

/** Functions whose names the references list; words that English also has are judged with what follows. */
const functions = `
  abs acos acosh add_months adddate addtime aes_decrypt aes_encrypt any_value app_name applock_mode
  applock_test approx_count_distinct array_agg array_append array_cat array_dims array_length
  array_lower array_ndims array_positions array_prepend array_remove array_to_json array_to_string
  array_upper asbinary ascb ascii asciistr ascw asin asinh astext aswkb aswkt asymkey_id
  asymkeyproperty atan atan2 atanh atn2 avg benchmark bfilename bin bin_to_num bin_to_uuid
  binary_checksum bit_and bit_count bit_length bit_or bit_xor bitand bool_and bool_or btrim
  cardinality cast cbool cbrt cdate ceil ceiling centroid cert_id cert_private_key certencoded
  certproperty char char_length character_length charindex charset chartorowid checkpoint_lsn checksum
  checksum_agg chr chrb chrw cint clng clock_timestamp coalesce coercibility col_length col_name
  collation collect columnproperty columns_updated compress concat concat_ws connection_id
  connectionproperty convert convert_from convert_to convert_tz convexhull corr cos cosh cot count
  count_big count_distinct covar_pop covar_samp crc32 csng cstr ctxsys.drithsx.sn cume_dist curdate
  curdir current_database current_query current_schemas current_setting currentuser currval
  cursor_status cursor_to_xml curtime curtimestamp database_principal_id database_to_xml
  databasepropertyex datalength date date_add date_bin date_diff date_format date_part date_sub
  date_trunc dateadd datediff datediff_big datefromparts datename datepart dateserial
  datetimefromparts datevalue dayname dayofmonth dayofweek dayofyear db_id db_name dblink
  dblink_connect dblink_exec dblink_send_query dbms_advisor.create_file dbms_assert.noop
  dbms_assert.simple_sql_name dbms_cloud.send_request dbms_export_extension.get_domain_index_tables
  dbms_java.runjava dbms_ldap.init dbms_lock.sleep dbms_output.put_line dbms_pipe.receive_message
  dbms_random.string dbms_random.value dbms_scheduler.create_job dbms_session.sleep
  dbms_utility.sqlid_to_sqlhash dbms_xmlgen.getxml dbms_xmlgen.getxmltype dbms_xmlquery.getxml
  dbms_xmlquery.newcontext dbms_xslprocessor.read2clob decode decryptbyasymkey decryptbycert
  decryptbykey decryptbypassphrase degrees dense_rank des_decrypt des_encrypt div_floor dmax dmin elt
  empty_blob empty_clob encode encrypt encryptbyasymkey encryptbycert encryptbykey encryptbypassphrase
  eomonth equals error_line error_message error_number error_procedure error_severity error_state
  exists existsnode exp export_set exteriorring extract extractvalue file_id file_idex file_name
  filegroup_id filegroup_name filegroupproperty filelen fileproperty find_in_set first_value floor
  fn_get_sql fn_helpcollations fn_listextendedproperty fn_my_permissions fn_servershareddrives
  fn_trace_getinfo fn_virtualfilestats fn_xe_file_target_read_file format_bytes format_type
  formatmessage found_rows freetext from_base64 from_days from_tz from_unixtime
  fulltextcatalogproperty fulltextserviceproperty gen_random_uuid generate_series generate_subscripts
  geomcollfromtext geometrycollection geometrycollectionfromtext geometryfromtext geometryn
  geometrytype geomfromtext geomfromwkb get_bit get_byte get_format get_lock getanscipadding
  getansinull getdate getutcdate glength group_concat group_concat_max_len grouping_id gtid_subset
  gtid_subtract has_any_column_privilege has_column_privilege has_database_privilege has_dbaccess
  has_function_privilege has_perms_by_name has_schema_privilege has_server_privilege
  has_table_privilege hashbytes hex hextoraw host_id host_name httpuritype ident_current ident_incr
  ident_seed if ifnull iif inet6_aton inet6_ntoa inet_aton inet_client_addr inet_client_port inet_ntoa
  inet_server_addr inet_server_port initcap instr instrrev interiorringn is_free_lock is_ipv4
  is_ipv4_compat is_ipv4_mapped is_ipv6 is_member is_objectsigned is_rolemember is_srvrolemember
  is_used_lock is_uuid isclosed isdate isempty isjson isnull isnumeric issimple iszero json_agg
  json_array json_array_append json_array_elements json_array_elements_text json_array_insert
  json_array_length json_arrayagg json_build_array json_build_object json_contains json_contains_path
  json_depth json_each json_each_text json_exists json_extract json_extract_path
  json_extract_path_text json_insert json_keys json_length json_merge json_merge_patch
  json_merge_preserve json_modify json_object json_object_agg json_object_keys json_objectagg
  json_overlaps json_patch json_populate_record json_pretty json_query json_quote json_remove
  json_replace json_schema_valid json_search json_set json_storage_free json_storage_size
  json_strip_nulls json_table json_to_record json_tree json_type json_typeof json_unquote json_valid
  json_value jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length
  jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
  jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
  jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
  jsonb_populate_record jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_typeof
  justify_days justify_hours justify_interval key_guid key_id lag last_day last_insert_id
  last_insert_rowid last_value lastval lcase likelihood linefromtext linefromwkb linestring
  linestringfromtext listagg ln lo_create lo_export lo_from_bytea lo_get lo_import lo_put lo_unlink
  load_extension load_file locate log log10 log1p log2 loginproperty lower lpad ltrim make_date
  make_interval make_set make_time make_timestamp make_timestamptz makedate maketime master_pos_wait
  max mbrcontains mbrdisjoint mbrequal mbrintersects mbroverlaps mbrtouches mbrwithin md5 microsecond
  mid min mkdir mlinefromtext mlinefromwkb monthname months_between mpointfromtext mpointfromwkb
  mpolyfromtext mpolyfromwkb multilinestring multilinestringfromtext multipoint multipointfromtext
  multipolygon multipolygonfromtext name_const nchar new_time newid newsequentialid next_day nextval
  nls_charset_id nls_initcap nls_lower nls_upper nlssort normalize_space ntile nullif num_nonnulls
  num_nulls numgeometries numinteriorrings numpoints numtodsinterval numtoyminterval nvl nvl2
  object_definition object_id object_name object_schema_name objectproperty objectpropertyex oct
  octet_length old_password opendatasource openquery openrowset ora_hash ora_rowscn ord
  ordsys.ord_dicom.getmappingxpath original_db_name original_login parsename patindex percent_rank
  percentile_cont percentile_disc period_add period_diff pg_advisory_lock pg_backend_pid
  pg_cancel_backend pg_client_encoding pg_conf_load_time pg_create_restore_point pg_current_logfile
  pg_database_size pg_exec pg_execute_server_program pg_get_constraintdef pg_get_expr
  pg_get_functiondef pg_get_indexdef pg_get_userbyid pg_get_viewdef pg_has_role pg_is_in_recovery
  pg_is_other_temp_schema pg_last_xlog_receive_location pg_listening_channels pg_logdir_ls pg_ls_dir
  pg_ls_logdir pg_ls_waldir pg_my_temp_schema pg_postmaster_start_time pg_read_binary_file
  pg_read_file pg_read_server_files pg_relation_size pg_reload_conf pg_rotate_logfile pg_sleep
  pg_sleep_for pg_sleep_until pg_start_backup pg_stat_file pg_stat_get_activity pg_stop_backup
  pg_switch_xlog pg_table_size pg_terminate_backend pg_total_relation_size pg_try_advisory_lock
  pg_typeof pg_write_file pgp_sym_decrypt pgp_sym_encrypt pi pointfromtext pointfromwkb pointn
  polyfromtext polyfromwkb polygon polygonfromtext pow presentnnv presentv ps_thread_id ptr_to_u
  publishingservername pwdcompare pwdencrypt query_to_xml query_to_xmlschema quote_ident quote_literal
  quote_nullable quotename radians rand random randomblob rank ratio_to_report rawtohex rawtonhex
  regexp_count regexp_instr regexp_like regexp_matches regexp_replace regexp_split_to_array
  regexp_split_to_table regexp_substr regr_count release_all_locks release_lock reverse roles_graphml
  round row_count row_number row_to_json rowidtochar rownumber rpad rtrim scan_table schema_id
  schema_name schema_to_xml scope_identity sdo_util.to_gmlgeometry sec_to_time serverproperty
  session_context sessionproperty set_bit set_byte set_config set_masklen setseed setval sha sha1 sha2
  sha256 sha512 shobj_description sin sinh sleep soundex sql_variant_property sqlite_compileoption_get
  sqlite_compileoption_used sqlite_source_id sqlite_version sqrt srid st_area st_asbinary st_asgeojson
  st_astext st_aswkb st_aswkt st_buffer st_centroid st_collect st_contains st_convexhull st_crosses
  st_difference st_dimension st_disjoint st_distance st_envelope st_equals st_geohash
  st_geometryfromtext st_geomfromtext st_intersection st_intersects st_isvalid st_latfromgeohash
  st_length st_linefromtext st_longfromgeohash st_mlinefromtext st_overlaps st_pointfromgeohash
  st_pointfromtext st_polyfromtext st_srid st_touches st_union st_within st_x st_y stats_date std
  stddev stddev_pop stddev_samp stdev stdevp str_to_date strcmp strftime string_agg string_escape
  string_split string_to_array strpos stuff subdate substr substrb substrc substring substring_index
  subtime sum suser_id suser_name suser_sid suser_sname switchoffset sys.database_name
  sys.dbms_ldap.init sys.fn_get_audit_file sys.fn_sqlvarbasetostr sys.utl_http.request
  sys.utl_inaddr.get_host_address sys.xp_cmdshell sys_connect_by_path sys_context sys_eval sys_exec
  sys_extract_utc sys_get sys_guid sys_typeid sys_xmlagg sys_xmlgen sysdatetime sysdatetimeoffset
  sysutcdatetime table_to_xml tan tanh textptr textvalid time_format time_to_sec timediff
  timefromparts timeofday timestampadd timestampdiff to_ascii to_base64 to_binary_double
  to_binary_float to_char to_clob to_date to_days to_dsinterval to_hex to_json to_jsonb to_lob
  to_multi_byte to_nchar to_nclob to_number to_seconds to_single_byte to_timestamp to_timestamp_tz
  to_tsquery to_tsvector to_yminterval todatetimeoffset total_changes translate trigger_nestlevel trim
  trunc try_cast try_convert try_parse txid_current type_id type_name typeof typeproperty tz_offset
  ucase uid uncompress uncompressed_length unhex unistr unix_timestamp unixepoch unlikely unnest
  update_xml updatexml upper user_lock.sleep userenv utl_encode.text_encode utl_file.fopen
  utl_file.get_line utl_file.put_line utl_http.begin_request utl_http.request utl_http.request_pieces
  utl_inaddr.get_host_address utl_inaddr.get_host_name utl_raw.cast_from_number utl_raw.cast_to_raw
  utl_raw.cast_to_varchar2 utl_smtp.open_connection utl_tcp.open_connection uuid uuid_generate_v1
  uuid_generate_v4 uuid_short uuid_to_bin validate_password_strength var var_pop var_samp variance
  varp version vsize wait_for_executed_gtid_set weekday weekofyear weight_string width_bucket
  xml_is_well_formed xmlagg xmlcast xmlcdata xmlcomment xmlconcat xmlelement xmlexists xmlforest
  xmlisvalid xmlparse xmlpi xmlquery xmlroot xmlserialize xmltable xmltransform xmltype xpath
  xpath_exists xpath_string yearweek zeroblob`
const functionPhrases = `
  if exists|if not|if not exists`

/**
 * Names that columns, English and functions share: a function only where a parenthesis follows. Folding decides; alone they
 * are bare words (or what the lists above say).
 */
const callable = `
  age area choose contains current_date current_time current_timestamp current_user database day
  decompress difference dimension endpoint field format glob greatest grouping hour identify insert
  least left length likely localtime localtimestamp median minute month now parse password permissions
  point position power quarter quote replace replicate right row schema second session_user sign space
  square str sysdate system_user text time timestamp touches treat unicode user user_id user_name
  utc_date utc_time utc_timestamp value values week year`

const collations = `
  collate`

/** Later entries win where a word has two kinds: the one that tells more about an attack stands later. */
const kinds: readonly (readonly [kind: TokenType, words: string, phrases: string])[] = [
  ['k', keywords, keywordPhrases],
  ['t', types, typePhrases],
  ['f', functions, functionPhrases],
  ['T', statements, statementPhrases],
  ['E', expressions, expressionPhrases],
  ['B', groups, groupPhrases],
  ['v', variables, ''],
  ['1', numbers, ''],
  ['A', collations, ''],
  ['U', unions, unionPhrases],
  ['o', operators, operatorPhrases],
  ['&', logic, ''],
]

function toWordTable(): ReadonlyMap<string, TokenType> {
  const table = new Map<string, TokenType>()
  for (const [kind, words, phrases] of kinds) {
    const entries = [...words.trim().split(/\s+/), ...phrases.split('|').map((phrase) => phrase.trim())]
    for (const entry of entries) if (entry !== '') table.set(entry.toUpperCase(), kind)
  }
  return table
}

/** Upper case word, or words of a phrase with one blank between them, to its kind. */
export const sqlWords: ReadonlyMap<string, TokenType> = toWordTable()

/** Two characters; every other operator is one character, except `<=>`. */
export const operatorPairs: ReadonlyMap<string, TokenType> = new Map([
  ...[
    '!=',
    '!<',
    '!>',
    '!!',

    '&=',
    '*=',
    ':=',
    '::',
    '<<',
    '<=',
    '<>',
    '<@',
    '==',
    '=>',
    '>=',
    '>>',
    '|/',
    '|=',
  ].map((operator): [string, TokenType] => [operator, 'o']),
  ['&&', '&'],
  ['||', '&'],
])

export const callableWords: ReadonlySet<string> = new Set(callable.trim().toUpperCase().split(/\s+/))

/** Every phrase without its last word: most words begin none, and need not be looked up with what follows them. */
export const phraseStarts: ReadonlySet<string> = new Set(
  [...sqlWords.keys()]
    .filter((phrase) => phrase.includes(' '))
    .map((phrase) => phrase.slice(0, phrase.lastIndexOf(' '))),
)
