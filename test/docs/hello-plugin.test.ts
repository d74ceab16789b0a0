// The example of docs/plugin-guide.md keeps the plugin contract.
import { describe, it } from 'node:test'
import hello from '../../docs/examples/hello-plugin.ts'
import { rules } from '../contract/rules.ts'
import { toSubject } from '../contract/subject.ts'

describe('the plugin of the guide', () => {
  for (const rule of rules) it(rule.name, () => rule.check(toSubject(hello)))
})
