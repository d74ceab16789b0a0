// /openapi.json and /docs. Main thread; registered by server.ts before all routes, because the document is collected from
// them. Each route says its own part; what follows from its access and method is added here, for all alike.
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { AdminApp, AdminContext } from './context.ts'
import { resourceSchemas } from './resource-schemas.ts'

const place = {
  type: 'object',
  properties: {
    file: { type: 'string', description: 'The config file that `pointer` is into.' },
    in: { type: 'string', description: 'Else the part of the request: body, query, params or headers.' },
    pointer: { type: 'string', description: 'RFC 6901 JSON pointer.' },
    resourcePointer: { type: 'string', description: 'The same place seen from the resource of the path.' },
    detail: { type: 'string' },
  },
  required: ['pointer', 'detail'],
}
const problem = {
  type: 'object',
  description: 'RFC 9457 problem.',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'AEGIS_ADMIN_...' },
    detail: { type: 'string' },
    request_id: { type: 'string' },
    errors: { type: 'array', items: { $ref: 'ProblemPlace#' } },
    dry_run: { type: 'boolean' },
  },
  required: ['type', 'title', 'status', 'code', 'detail', 'request_id'],
  additionalProperties: true,
}

const introduction = `Every write lands in the config files and answers when all workers run it.

- **Tokens**: \`Authorization: Bearer <token>\`, a token of \`admin.tokens\` in gateway.json. Roles: viewer reads, operator also changes plugins, routes, upstreams and tenants, purges and revokes, admin does everything and alone sees secrets.
- **ETag and If-Match**: a read gives an ETag; send it as If-Match with the write that follows. When somebody was faster the answer is 412 and nothing is lost. Without If-Match the last writer wins.
- **Rehearsal**: \`?dry_run=true\` on any write gives the answer of the real thing, plus \`"dry_run": true\`, and changes nothing.
- **Secrets** are shown as \`"***"\` to all but admins. Sent back as \`"***"\`, the stored secret stays.
- **Lists** come in pages: \`?size=&after=\` gives \`{ data, next }\`; \`next\` is the \`after\` of the next page.`

export async function registerDocs(app: AdminApp, context: AdminContext): Promise<void> {
  app.addSchema({ $id: 'ProblemPlace', ...place })
  app.addSchema({ $id: 'Problem', ...problem })
  for (const [name, schema] of Object.entries(resourceSchemas(context.control.schemas().files))) {
    app.addSchema({ $id: name, ...schema })
  }
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Aegis admin API', version: '1.0.0', description: introduction },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'A token of admin.tokens in gateway.json.' },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) => String(json.$id ?? `def-${index}`),
    },
    transform: ({ schema, url, route }) => ({ schema: complete({ ...schema }, route), url }),
  })
  app.get(
    '/openapi.json',
    {
      config: { access: 'open' },
      schema: {
        tags: ['status'],
        summary: 'This document (OpenAPI 3.1)',
        response: { 200: { type: 'object', additionalProperties: true, description: 'The document.' } },
      },
    },
    () => app.swagger() as Record<string, unknown>,
  )
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'open' }
    })
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      theme: { title: 'Aegis admin API' },
      uiConfig: { persistAuthorization: false, docExpansion: 'list' },
      staticCSP: contentSecurityPolicy,
    })
  })
}

/** The page works without any network but its own listener. Swagger UI styles elements inline. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

interface DocumentedRoute {
  readonly method: string | readonly string[]
  readonly url: string
  readonly config?: { readonly access?: string }
}

function complete(schema: Record<string, unknown>, route: DocumentedRoute): Record<string, unknown> {
  const access = route.config?.access ?? 'admin'
  const open = access === 'open'
  const role = access === 'metrics' ? 'viewer' : access
  const responses = { ...(schema.response as object), ...problemResponses(schema, route, open) }
  return {
    ...schema,
    operationId: operationId(route),
    response: responses,
    security: open ? [] : access === 'metrics' ? [{}, { token: [] }] : [{ token: [] }],
    'x-required-role': open ? 'none' : role,
    ...(access === 'metrics' && {
      description:
        'Needs a token only where the listener is reachable from other machines; see admin.openMetrics.',
    }),
  }
}

function problemResponses(schema: Record<string, unknown>, route: DocumentedRoute, open: boolean): object {
  const method = String(route.method)
  const write = method !== 'GET'
  const statuses: Record<string, string | false> = {
    400: 'Malformed: the query, the path or the JSON.',
    401: !open && 'No token, or one that is not known.',
    403: !open && 'The role of the token is not enough.',
    404: route.url.includes(':') && 'There is no such thing.',
    409: write && 'It exists already, or a config file on disk is broken.',
    412:
      write &&
      schema.headers !== undefined &&
      'Somebody was faster: If-Match or If-None-Match does not hold.',
    413: schema.body !== undefined && 'The body is larger than 16 MiB.',
    415: schema.body !== undefined && 'The body is not JSON.',
    422: write && 'Valid JSON, but not valid here; `errors` names every bad place.',
    503: (write || route.url === '/readyz') && 'A worker could not run it, or the gateway is not ready.',
    default: 'Any other failure.',
  }
  return Object.fromEntries(
    Object.entries(statuses)
      .filter((one): one is [string, string] => one[1] !== false)
      .map(([status, description]) => [
        status,
        { description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } },
      ]),
  )
}

function operationId(route: DocumentedRoute): string {
  const words = route.url.split('/').filter((word) => word !== '' && word !== 'admin')
  const named = words.map((word) => (word.startsWith(':') ? `by-${word.slice(1)}` : word.replace(/\W/g, '-')))
  return [String(route.method).toLowerCase(), ...named].join('-')
}
