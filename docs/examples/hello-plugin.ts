// A whole plugin in one file: greets every caller, and turns those away who are not welcome.
// docs/plugin-guide.md walks through it; test/docs/hello-plugin.test.ts runs it in a gateway.
import type { RequestView, ResponseView } from '../../gateway/contract/exchange.ts'
import type { Plugin, PluginDefinition, Verdict } from '../../gateway/contract/plugin.ts'
import type { PluginPorts } from '../../gateway/contract/ports.ts'
import type { Reply } from '../../gateway/contract/reply.ts'

interface HelloConfig {
  readonly greeting: string
  readonly unwelcome: readonly string[]
}

/** Plain JSON Schema; defaults are filled in and unknown keys refused before `create` sees the config. */
const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    greeting: {
      type: 'string',
      pattern: '^[ -~]{1,40}$',
      default: 'Hello',
      description: 'First word of the X-Hello header.',
    },
    unwelcome: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Ids of users who get a 403.',
    },
  },
}

const notWelcome: Reply = {
  status: 403,
  code: 'AEGIS_NOT_WELCOME',
  detail: 'You are not welcome here.',
  headers: [],
  body: undefined,
}

function createHello(config: HelloConfig, ports: PluginPorts): Plugin {
  // Once per config: parse, build sets, bind metric children. Per request: only read.
  const unwelcome = new Set(config.unwelcome)
  const greetings = ports.metrics.counter('hello_greetings_total', 'Requests greeted or turned away.', [
    'result',
  ])
  const greeted = greetings.labels('greeted')
  const turnedAway = greetings.labels('turned-away')

  return {
    onRequest(ex: RequestView): Verdict {
      const user = ex.identity?.userId ?? 'stranger'
      if (unwelcome.has(user)) {
        turnedAway.inc()
        return notWelcome
      }
      greeted.inc()
      ex.setUpstreamHeader('X-Hello', `${config.greeting} from ${ex.tenant?.id ?? 'nobody'}`)
      return undefined
    },
    onResponse(ex: ResponseView): void {
      ex.setResponseHeader('X-Hello', config.greeting)
    },
  }
}

const hello: PluginDefinition = {
  name: 'hello',
  schema,
  needs: ['identity'],
  onFailure: 'deny',
  create: createHello as PluginDefinition['create'],
}

export default hello
