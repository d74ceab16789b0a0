// Schemas of discovered upstreams in routes.json: instances of a Consul service, or addresses of a DNS name.
import Type from 'typebox'
import { closed, durationMs, listOf, oneOf, port } from './parts.ts'

const scheme = oneOf(['http', 'https'], {
  default: 'http',
  description:
    'How the endpoints are spoken to. With https their certificate must hold the name in DNS, or the address registered in Consul.',
})

const onEmpty = oneOf(['keep', 'clear'], {
  default: 'keep',
  description:
    'What an answer without any endpoint means: keep the last ones, or have none (503). An answer that fails always keeps them.',
})

const tag = Type.String({ minLength: 1, maxLength: 256 })

export const consulDiscovery = Type.Object(
  {
    service: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'Name of the service; "{tenant}" in it is the id of the tenant of the request.',
    }),
    tag: Type.Optional(
      Type.Union([tag, Type.Array(tag, { maxItems: 50, uniqueItems: true })], {
        description: 'Tag that instances must have, or a list of which they must have all.',
      }),
    ),
    datacenter: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: "Left out: the agent's own." }),
    ),
    scheme,
    passingOnly: Type.Boolean({
      default: true,
      description:
        'Only instances whose checks all pass; false also takes those with warnings, by their weight for that.',
    }),
    stale: Type.Boolean({
      default: true,
      description: 'Any Consul server may answer, also one that is a little behind the leader.',
    }),
    onEmpty,
  },
  { ...closed, description: 'The targets are the instances of a service in Consul.' },
)

export const dnsDiscovery = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'Name that is looked up; "{tenant}" in it is the id of the tenant of the request.',
    }),
    type: oneOf(['A', 'AAAA', 'SRV'], {
      default: 'A',
      description: 'Record type. SRV gives ports and weights too; only its lowest priority is used.',
    }),
    port: Type.Optional(port('Port of the endpoints; not with SRV.', { minimum: 1 })),
    scheme,
    resolvers: listOf(
      Type.String(),
      'Name servers, "address" or "address:port"; none: those of the system.',
      { maxItems: 10 },
    ),
    timeoutMs: durationMs('Time a look-up may take, tries included.', 2000, 10),
    minRefreshMs: durationMs('Least time between two look-ups, however short the TTL.', 1000, 10),
    maxRefreshMs: durationMs('Most time between two look-ups, however long the TTL.', 30_000, 10),
    onEmpty,
  },
  { ...closed, description: 'The targets are the addresses of a DNS name.' },
)
