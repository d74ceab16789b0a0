// Words that the verdict judges by, beside their kind.

/** Functions that formulas, spreadsheets and program text call as often as attacks do. */
export const harmlessFunctions: ReadonlySet<string> = toSet(`
  abs acos asin atan atan2 avg ceil ceiling cos cot count date day degrees exp floor greatest hour least left length ln
  log log10 log2 lower ltrim max min minute mod month pi pow power radians rand random replace right round rtrim second
  sign sin space sqrt sum tan time timestamp today trim trunc upper week year
`)

/** Functions that only an attack calls in a value by itself: time, files, network, errors that tell, identity. */
export const attackFunctions: ReadonlySet<string> = toSet(`
  sleep benchmark pg_sleep pg_sleep_for pg_sleep_until load_file extractvalue updatexml name_const version current_user
  session_user system_user database schema user group_concat concat_ws unhex load_extension sqlite_version randomblob
  xmltype httpuritype dblink dblink_connect dblink_exec dblink_send_query openrowset opendatasource openquery
  db_name host_name suser_name suser_sname user_name is_srvrolemember has_dbaccess object_id serverproperty
  pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file pg_user pg_exec lo_import lo_export lo_from_bytea
  query_to_xml database_to_xml table_to_xml schema_to_xml current_setting current_database current_query
  inet_server_addr inet_client_addr get_lock release_lock master_pos_wait row_count found_rows last_insert_id
  sys_context sys_eval sys_exec userenv sys_guid bfilename ascii ord substring substr mid char chr nchar make_set elt
  geometrycollection multipoint multipolygon multilinestring linestring polygon row ifnull nullif iif decode fn_sqlvarbasetostr
`)

/** Statements that nobody writes after a semicolon in prose. */
export const tellingStatements: ReadonlySet<string> = toSet(`
  alter dbcc deallocate declare drop grant pragma raiserror readtext reconfigure shutdown truncate
  begin updatetext waitfor writetext
`)

function toSet(words: string): ReadonlySet<string> {
  return new Set(words.trim().toUpperCase().split(/\s+/))
}
