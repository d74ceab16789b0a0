// A web application firewall: runs SecLang rules, such as the OWASP Core Rule Set, over requests and answers. Worker
// thread; after the plugins that find out whose request it is, so that tenants can have modes and exclusions of their own.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { checkRuleFiles, checkWaf } from './check.ts'
import { wafSchema } from './schema.ts'
import { createWafPlugin } from './waf.ts'

export const waf = definePlugin({
  name: 'waf',
  schema: wafSchema,
  // A request that could not be looked at is not a request that was found harmless.
  onFailure: 'deny',
  check: checkWaf,
  checkFiles: checkRuleFiles,
  create: createWafPlugin,
})

export default waf
