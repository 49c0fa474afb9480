import type { Fields, NodeReader } from './sql-node.ts'
import { isGiven } from './sql-node.ts'
import type { CastType } from './sql-tree.ts'

const castNames: Readonly<Record<string, CastType['name']>> = {
  big_int: 'bigint',
  int: 'bigint',
  small_int: 'bigint',
  tiny_int: 'bigint',
  double: 'double',
  float: 'double',
  var_char: 'varchar',
  char: 'varchar',
  boolean: 'boolean',
  timestamp: 'timestamp',
  date: 'date',
  json: 'json',
  var_binary: 'varbinary',
  decimal: 'decimal',
  array: 'array',
  map: 'map',
}

/** The type of a cast; QuerySyntax when it is none of the language's. */
export function readCastType(reader: NodeReader, value: unknown): CastType {
  const fields = reader.fields(value)
  if (fields['data_type'] === 'struct') return readRowType(reader, fields)
  const custom = fields['data_type'] === 'custom'
  const known = 'data_type length precision scale element_type key_type value_type'
  if (!custom) reader.only(fields, known, 'a type')
  const written = String(custom ? fields['name'] : fields['data_type'])
  const name = Object.hasOwn(castNames, written) ? castNames[written] : undefined
  if (name === undefined) {
    throw reader.query.syntax(
      `the type ${written.replaceAll('_', ' ')} is not known here`,
      reader.at,
      'bigint, double, varchar, boolean, timestamp, date, json, array(...) and map(...) are',
    )
  }
  const of = ['element_type', 'key_type', 'value_type'].filter((key) => isGiven(fields, key))
  if (of.length !== (name === 'array' ? 1 : name === 'map' ? 2 : 0)) {
    throw reader.query.syntax(`${name} needs the types of its elements`, reader.at, 'array(bigint)')
  }
  const numbers = ['length', 'precision', 'scale'].map((key) => fields[key])
  return {
    name,
    of: of.map((key) => readCastType(reader, fields[key])),
    numbers: numbers.filter((each): each is number => typeof each === 'number'),
  }
}

function readRowType(reader: NodeReader, type: Fields): CastType {
  reader.only(type, 'data_type fields', 'a type')
  const fields = reader.list(type['fields']).map((each) => {
    const field = reader.fields(each)
    reader.only(field, 'name data_type', 'a field of a row')
    const name = String(field['name'])
    if (!/^[A-Za-z_]\w*$/.test(name) || reader.masked.mark(name) !== undefined) {
      throw reader.refused('the fields of a row are named by plain words')
    }
    return { name, type: readCastType(reader, field['data_type']) }
  })
  return {
    name: 'row',
    of: fields.map((field) => field.type),
    fields: fields.map((field) => field.name),
    numbers: [],
  }
}
