// Client certificates as credentials: who the caller is by what it showed in the TLS handshake. Worker thread.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { checkRules } from './check.ts'
import { createClientCert } from './client-cert.ts'
import { clientCertSchema } from './schema.ts'

export const clientCert = definePlugin({
  name: 'client-cert',
  schema: clientCertSchema,
  provides: ['identity'],
  enforces: ['auth'],
  isLenient: ({ otherwise }) => otherwise === 'continue',
  onFailure: 'deny',
  check: checkRules,
  create: createClientCert,
})

export default clientCert
