// Requests of several tenants to a service that answers with the tenant's name, where the fault excuses nothing.
import type { Kind } from './fault.ts'

export function taggedKinds(tenants: readonly string[]): Kind[] {
  return tenants.flatMap((tenant) =>
    (['GET', 'POST'] as const).map((method) => ({
      name: `${method} of ${tenant}`,
      make: (n) => ({ method, path: `/api/${n}`, host: `${tenant}.example.com` }),
      judge({ status, text }) {
        if (status === 200) return text === `for ${tenant}` ? 'ok' : 'wrong'
        return status >= 500 ? 'lost' : 'wrong'
      },
    })),
  )
}
