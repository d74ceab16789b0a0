// A route that asks for a known caller, a role or a permission must be covered by plugins that enforce it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goodFiles, problemsOf } from './files.ts'

// biome-ignore lint/suspicious/noExplicitAny: rows write wrong configs
type Any = any

const uncovered: [
  title: string,
  change: (plugins: Any[], routes: Any) => void,
  key: string,
  sentence: string,
][] = [
  [
    'auth without any plugin',
    (p, r) => {
      p.splice(0, 2)
      delete r.routes[0].roles
      delete r.routes[0].permission
    },
    'auth',
    'Route "items": "auth" is "required" (the default), but no enabled plugin checks the caller on all requests of this route. Enable "login" for it, or set "auth" to "none".',
  ],
  [
    'auth with a plugin for one tenant only',
    (p) => {
      p[0].scope = { tenants: ['acme'] }
    },
    'auth',
    'Enable "login" for it',
  ],
  [
    'auth with a plugin for one plan only',
    (p) => {
      p[0].scope = { plans: ['pro'] }
    },
    'auth',
    'Enable "login" for it',
  ],
  [
    'auth with a plugin for another route',
    (p) => {
      p[0].scope = { routes: ['open'] }
    },
    'auth',
    'Enable "login" for it',
  ],
  [
    'auth with a plugin that is told to let requests pass',
    (p) => {
      p[0].config = { lenient: true }
    },
    'auth',
    'Enable "login" for it',
  ],
  [
    'auth with a plugin that is told so for one tenant, in place of the strict one',
    (p) => {
      p.push({ ...p[0], id: 'lax', scope: { tenants: ['acme'] }, config: { lenient: true } })
    },
    'auth',
    'Enable "login" for it',
  ],
  [
    'roles with the plugin disabled',
    (p, r) => {
      p[1].enabled = false
      delete r.routes[0].permission
    },
    'roles',
    'Route "items": "roles" are asked for, but no enabled plugin checks them on all requests of this route. Enable "roles" for it',
  ],
  [
    'a permission with the plugin for one tenant only',
    (p, r) => {
      p[1].scope = { tenants: ['acme'] }
      delete r.routes[0].roles
    },
    'permission',
    'Route "items": a "permission" is asked for',
  ],
]

for (const [title, change, key, sentence] of uncovered) {
  test(`refuses a route that asks for ${title}`, () => {
    const files = goodFiles()
    change(files.plugins.plugins, files.routes)
    const problems = problemsOf(files)
    assert.equal(problems.length, 1, problems.join('\n'))
    const [problem = ''] = problems
    assert.ok(problem.startsWith(`routes.json#/routes/0/${key} `), problem)
    assert.ok(problem.includes(sentence), problem)
  })
}

test('a bad plugin entry does not make routes look uncovered', () => {
  const files = goodFiles()
  files.plugins.plugins[0].enabled = 'yes'
  const problems = problemsOf(files)
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.match(problems[0] ?? '', /"enabled" must be true or false; found "yes"/)
})
