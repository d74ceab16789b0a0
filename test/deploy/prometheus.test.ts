import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { metricsIn, readProductMetrics } from './metric-names.ts'

const deploy = join(import.meta.dirname, '../../deploy')

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string }[]
}

function createFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'aegis-prometheus-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function promtool(...args: string[]): void {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  assert.equal(status, 0, `${stdout}${stderr}`)
}

function readPanels(): Panel[] {
  const dashboard = JSON.parse(readFileSync(join(deploy, 'grafana/dashboards/aegis.json'), 'utf8'))
  return dashboard.panels
}

test('promtool accepts the configuration and the alert rules that it names', (t) => {
  const dir = createFolder(t)
  cpSync(join(deploy, 'prometheus'), dir, { recursive: true })
  const config = join(dir, 'prometheus.yml')
  // promtool looks whether the file is there.
  writeFileSync(join(dir, 'token'), 'any')
  writeFileSync(
    config,
    readFileSync(config, 'utf8').replace('/run/secrets/metrics_token', join(dir, 'token')),
  )
  promtool('check', 'config', config)
  promtool('check', 'rules', join(dir, 'alerts.yml'))
})

test('promtool can parse every expression of the dashboard', (t) => {
  const expressions = readPanels().flatMap((panel) => panel.targets?.map((target) => target.expr) ?? [])
  assert.ok(expressions.length >= 20)
  const rules = expressions.map((expr, i) => ({
    record: `panel:expression:${i}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$route', '.*'),
  }))
  const file = join(createFolder(t), 'rules.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  promtool('check', 'rules', file)
})

test('every metric that the dashboard and the alerts ask for is one that the product has', () => {
  const known = readProductMetrics()
  const asked = [JSON.stringify(readPanels()), readFileSync(join(deploy, 'prometheus/alerts.yml'), 'utf8')]
    .flatMap(metricsIn)
    .filter((name) => !known.has(name))
  assert.deepEqual(asked, [])
})

test('the dashboard shows every metric of the outside description', () => {
  const shown = new Set(metricsIn(JSON.stringify(readPanels())))
  for (const name of [
    'aegis_http_requests_total',
    'aegis_request_duration_seconds',
    'aegis_gateway_duration_seconds',
    'aegis_upstream_duration_seconds',
    'aegis_tenant_requests_total',
    'aegis_ratelimit_decisions_total',
    'aegis_rbac_cache_total',
    'aegis_jwt_verifications_total',
    'aegis_upstream_health',
    'aegis_config_version',
    'aegis_config_last_reload_success',
    'aegis_config_reloads_total',
    'aegis_connections',
    'aegis_worker_event_loop_lag_seconds',
  ]) {
    assert.ok(shown.has(name), name)
  }
})

test('the panels have ids and titles of their own and use the data source that is provisioned', () => {
  const panels = readPanels()
  assert.equal(new Set(panels.map((panel) => panel.id)).size, panels.length)
  assert.equal(new Set(panels.map((panel) => panel.title)).size, panels.length)
  const provisioned = readFileSync(join(deploy, 'grafana/provisioning/datasources/prometheus.yml'), 'utf8')
  for (const panel of panels) {
    if (panel.type === 'row') continue
    assert.ok(provisioned.includes(`uid: ${panel.datasource?.uid}\n`), panel.title)
  }
})
