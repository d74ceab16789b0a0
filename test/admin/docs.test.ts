import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { startAdmin } from './fixture.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: string[]
  readonly parameters?: { in: string; name: string; required?: boolean; schema: object }[]
  readonly requestBody?: { content: Record<string, { schema: object }> }
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
  readonly security: object[]
}
interface OpenApi {
  readonly openapi: string
  readonly info: { title: string; version: string }
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { schemas: Record<string, object>; securitySchemes: Record<string, object> }
}

function operationsOf(
  document: OpenApi,
): { label: string; method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      label: `${method} ${path}`,
      method,
      path,
      operation,
    })),
  )
}

test('the OpenAPI document is whole: every route has a summary, its parameters, responses and security', async (t) => {
  const { ask } = await startAdmin(t)
  const document: OpenApi = (await ask('GET', '/openapi.json', { role: 'none' })).body
  assert.match(document.openapi, /^3\.1\./)
  assert.ok(document.info.title !== '' && document.info.version !== '')
  assert.deepEqual(Object.keys(document.components.securitySchemes), ['token'])
  const operations = operationsOf(document)
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length)
  for (const { label, method, path, operation } of operations) {
    assert.ok(operation.summary.length > 5, label)
    assert.ok(operation.tags.length > 0, label)
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    const declared = (operation.parameters ?? []).filter((one) => one.in === 'path' && one.required)
    assert.deepEqual(
      declared.map((one) => one.name),
      named,
      label,
    )
    assert.ok(
      Object.keys(operation.responses).some((status) => status.startsWith('2')),
      label,
    )
    assert.ok(
      Object.values(operation.responses).every(({ description }) => description.length > 3),
      label,
    )
    assert.ok(Array.isArray(operation.security), label)
    const query = (operation.parameters ?? []).filter((one) => one.in === 'query').map((one) => one.name)
    const judges = ['/admin/config/validate', '/admin/waf/test'].includes(path)
    const write = method !== 'get' && !judges
    assert.equal(query.includes('dry_run'), write, `${label}: every write can be rehearsed`)
    if (method === 'put' || method === 'patch') assert.ok(operation.requestBody !== undefined, label)
  }
})

test('every schema of the document is JSON Schema 2020-12, and every reference leads somewhere', async (t) => {
  const { ask } = await startAdmin(t)
  const document: OpenApi = (await ask('GET', '/openapi.json')).body
  const ajv = createAjv(document)
  for (const name of Object.keys(document.components.schemas)) {
    assert.ok(ajv.getSchema(`openapi#/components/schemas/${name}`), name)
  }
  for (const { operation } of operationsOf(document)) {
    const bodies = [operation.requestBody, ...Object.values(operation.responses)]
    const schemas = bodies.flatMap((one) => Object.values(one?.content ?? {}).map(({ schema }) => schema))
    for (const schema of [...schemas, ...(operation.parameters ?? []).map((one) => one.schema)]) {
      ajv.compile(absolute(schema))
    }
  }
})

test('answers are what the document says they are', async (t) => {
  const { ask } = await startAdmin(t)
  const document: OpenApi = (await ask('GET', '/openapi.json')).body
  const ajv = createAjv(document)
  await ask('POST', '/admin/revocations', { body: { kind: 'user', subject: 'ann' } })
  const known: Record<string, string> = {
    '/admin/plugins/{id}': 'jwt',
    '/admin/routes/{id}': 'items',
    '/admin/upstreams/{id}': 'api',
    '/admin/tenants/{id}': 'acme',
    '/admin/revocations/{id}': 'r1',
    '/admin/schemas/plugins/{name}': 'jwt',
    '/admin/schemas/{file}': 'routes',
    '/admin/config/versions/{n}': '1',
  }
  for (const { method, path, operation } of operationsOf(document)) {
    if (method !== 'get' || path === '/metrics') continue
    for (const value of [known[path] ?? '', 'nope']) {
      const query = path === '/admin/rate-limits' ? '?key=k' : ''
      const { status, body, headers } = await ask('GET', path.replace(/\{\w+\}/, value) + query)
      const response = operation.responses[String(status)] ?? operation.responses.default
      const type = (headers.get('content-type') ?? '').split(';')[0] ?? ''
      const schema = response?.content?.[type]?.schema
      assert.ok(schema !== undefined, `${path} ${status} ${type}`)
      const validate = ajv.compile(absolute(schema))
      assert.ok(validate(body), `${path}: ${JSON.stringify(validate.errors)}`)
    }
  }
})

function createAjv(document: OpenApi): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(absolute({ ...document, $id: 'openapi' }))
  return ajv
}

/** References of the document, seen from outside of it. */
function absolute<T extends object>(schema: T): T {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi#/')) as T
}

test('the documentation page loads with everything it needs from this listener alone', async (t) => {
  const { ask } = await startAdmin(t)
  for (const page of ['/docs', '/docs/']) {
    const { status, text, headers } = await ask('GET', page, { role: 'none' })
    assert.equal(status, 200, page)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /https?:|unsafe-eval|\*/)
    assert.doesNotMatch(text, /https?:\/\/|["']\/\//)
    const assets = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '')
    assert.ok(assets.length >= 6)
    for (const asset of assets) {
      const path = new URL(asset, `http://host${page}`).pathname
      const loaded = await ask('GET', path, { role: 'none' })
      assert.equal(loaded.status, 200, path)
      assert.ok(loaded.text.length > 0)
      if (path.endsWith('.css')) assert.doesNotMatch(loaded.text, /url\(["']?(https?:)?\/\//)
    }
  }
  const { text } = await ask('GET', '/docs/static/swagger-initializer.js', { role: 'none' })
  assert.match(text, /validatorUrl: null/)
  assert.deepEqual(
    (await ask('GET', '/docs/json', { role: 'none' })).body,
    (await ask('GET', '/openapi.json', { role: 'none' })).body,
  )
})
