// What is told of a request that rules matched: metrics, an event in the log, an audit record. Worker thread.
import type { LogView } from '../../gateway/contract/exchange.ts'
import type { CounterChild, PluginPorts } from '../../gateway/contract/ports.ts'
import { toLoggedAudit } from './audit.ts'
import type { Decision, Inspection } from './inspection.ts'
import type { WafConfig } from './schema.ts'
import type { RuleMatch } from './seclang/match.ts'

/** Rules whose hits are told apart in the metrics; the rest is counted under `other`. */
const mostRuleSeries = 1_000
/** Matches named in one event. */
const mostMatches = 20

export interface Reporter {
  /** Once per inspection, when its exchange is over. */
  report(inspection: Inspection, ex: LogView, kind: 'live' | 'dry-run'): void
  countBodyLimit(outcome: 'reject' | 'partial'): void
}

export function createReporter(config: WafConfig, ports: PluginPorts): Reporter {
  const instruments = createInstruments(ports)
  return {
    report(inspection, ex, kind) {
      const { decision, matches } = inspection
      instruments.decisions[kind][decision].inc()
      if (inspection.transaction.budgetSpent)
        instruments.budget[decision === 'block' ? 'block' : 'detect'].inc()
      for (const match of matches)
        instruments.matches.labels(String(match.id), actionOf(decision, kind)).inc()
      if (decision !== 'allow') logEvent(inspection, ex, kind)
      const audit = kind === 'live' ? inspection.transaction.auditRecord() : null
      if (audit !== null) ports.log.info(toLoggedAudit(audit, config.logData), 'WAF audit record')
    },
    countBodyLimit: (outcome) => instruments.bodyLimit[outcome].inc(),
  }

  function logEvent(inspection: Inspection, ex: LogView, kind: 'live' | 'dry-run'): void {
    const { transaction, decision } = inspection
    const fields = {
      event: 'waf',
      plugin: ports.id,
      decision,
      dry_run: kind === 'dry-run',
      request_id: ex.requestId,
      tenant: ex.tenant?.id ?? null,
      route: ex.route?.id ?? null,
      client_ip: ex.clientIp,
      method: ex.method,
      path: ex.path,
      inbound_score: transaction.inboundScore,
      outbound_score: transaction.outboundScore,
      cause: transaction.interruption?.cause ?? (transaction.budgetSpent ? 'budget' : 'rule'),
      rules: inspection.matches.slice(0, mostMatches).map((match) => toShown(match, config.logData)),
    }
    const message =
      decision === 'block' ? 'the WAF refused a request' : 'the WAF would have refused a request'
    ports.log.warn(fields, kind === 'dry-run' ? `dry run: ${message}` : message)
  }
}

export function toShown(match: RuleMatch, withData: boolean) {
  const { id, message, variable, value, data } = match
  return withData ? { id, message, variable, value, data } : { id, message, variable }
}

function actionOf(decision: Decision, kind: 'live' | 'dry-run'): string {
  return kind === 'dry-run' ? 'dry-run' : decision
}

function createInstruments({ metrics }: PluginPorts) {
  const decisions = metrics.counter('aegis_waf_requests_total', 'Requests inspected, by what was decided', [
    'decision',
    'kind',
  ])
  const budget = metrics.counter(
    'aegis_waf_budget_exceeded_total',
    'Requests whose rules took longer than budgetMs, by outcome',
    ['outcome'],
  )
  const bodyLimit = metrics.counter(
    'aegis_waf_body_limit_total',
    'Request bodies longer than the WAF inspects, by outcome',
    ['outcome'],
  )
  const children = (kind: string): Record<Decision, CounterChild> => ({
    allow: decisions.labels('allow', kind),
    detect: decisions.labels('detect', kind),
    block: decisions.labels('block', kind),
  })
  return {
    decisions: { live: children('live'), 'dry-run': children('dry-run') },
    budget: { block: budget.labels('block'), detect: budget.labels('detect') },
    bodyLimit: { reject: bodyLimit.labels('reject'), partial: bodyLimit.labels('partial') },
    matches: metrics.counter(
      'aegis_waf_matches_total',
      'Matches of WAF rules, by what became of the request',
      ['rule', 'action'],
      { capLabel: 'rule', capValues: mostRuleSeries },
    ),
  }
}
