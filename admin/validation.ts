// Compiles the schemas of the routes. Main thread; called by server.ts. Query, path and header values are text and are
// converted; bodies are taken as they are, because a "100" that becomes 100 is a mistake that nobody sees.
import { Ajv, type ErrorObject } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'

/** Bodies whose content the config's own validation judges: it gives file pointers, and all problems at once. */
export const configBody = 'x-validated-as-config'

export function createValidatorCompiler(): FastifySchemaCompiler<object> {
  const forText = new Ajv({ coerceTypes: true, useDefaults: true, allErrors: true, strict: false })
  const forBodies = new Ajv({ useDefaults: true, allErrors: true, strict: false })
  return ({ schema, httpPart }) => {
    if (httpPart !== 'body') return forText.compile(schema)
    return configBody in schema ? acceptObject() : forBodies.compile(schema)
  }
}

const notAnObject: ErrorObject = {
  keyword: 'type',
  instancePath: '',
  schemaPath: '#/type',
  params: { type: 'object' },
  message: 'must be a JSON object',
}

function acceptObject() {
  return (value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { value }
      : { error: Object.assign(new Error(notAnObject.message), { validation: [notAnObject] }) }
}
