// Lets client addresses in or keeps them out, by address and network. Worker thread.
import { Type } from 'typebox'
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { checkAddressLists, createIpRestriction } from './ip-restriction.ts'

const addresses = (description: string) => Type.Array(Type.String({ minLength: 1 }), { description })

const schema = Type.Object(
  {
    allow: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Addresses and networks (CIDR) that may come in; empty lets all in that are not denied.',
    }),
    deny: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description:
        'Addresses and networks (CIDR) that may not; wins over allow. IPv6 networks hold no IPv4 addresses: everyone is 0.0.0.0/0 and ::/0.',
    }),
    tenants: Type.Record(
      Type.String({ minLength: 1 }),
      Type.Object(
        {
          allow: Type.Optional(addresses("Addresses that may come in to this tenant's hosts.")),
          deny: Type.Optional(addresses("Addresses that may not come in to this tenant's hosts.")),
        },
        { additionalProperties: false },
      ),
      {
        default: {},
        description:
          'By tenant id; asked as well as the general lists. The tenant is the one known when this plugin runs: ahead of the tenant plugin, that of the Host.',
      },
    ),
  },
  { additionalProperties: false },
)

export const ipRestriction = definePlugin({
  name: 'ip-restriction',
  schema,
  onFailure: 'deny',
  check: checkAddressLists,
  create: createIpRestriction,
})

export default ipRestriction
