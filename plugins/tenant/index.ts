// Finds out whose request this is, and keeps it within that tenant. Worker thread.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { tenantSchema } from './schema.ts'
import { createTenantGuard } from './tenant.ts'

export const tenant = definePlugin({
  name: 'tenant',
  schema: tenantSchema,
  provides: ['tenant'],
  onFailure: 'deny',
  create: createTenantGuard,
})

export default tenant
