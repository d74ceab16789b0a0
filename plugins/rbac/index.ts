// Who may do what: roles and permissions of a route, decided by config, token, cache or the upstream. Worker thread;
// after the plugins that establish identity and tenant.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { createRbac } from './rbac.ts'
import { checkRoles } from './role-check.ts'
import { rbacSchema } from './schema.ts'

export const rbac = definePlugin({
  name: 'rbac',
  schema: rbacSchema,
  needs: ['identity'],
  enforces: ['roles', 'permission'],
  onFailure: 'deny',
  check: checkRoles,
  create: createRbac,
})

export default rbac
