// Names the tenant, route, upstream or plugin that a schema mistake is about.
import type { ConfigFileName } from '../../gateway/contract/errors.ts'
import { fromPointer, valueAt } from '../pointer.ts'
import { quote } from '../wording.ts'

interface Subject {
  readonly word: string
  /** Key that holds the name; '' when the name is the key of the entry itself. */
  readonly nameKey: string
}

const subjects: Readonly<Record<ConfigFileName, Readonly<Record<string, Subject>>>> = {
  'gateway.json': { listeners: { word: 'Listener', nameKey: 'name' } },
  'routes.json': {
    tenants: { word: 'Tenant', nameKey: 'id' },
    routes: { word: 'Route', nameKey: 'id' },
    upstreams: { word: 'Upstream', nameKey: '' },
    plans: { word: 'Plan', nameKey: '' },
  },
  'plugins.json': { plugins: { word: 'Plugin', nameKey: 'id' } },
}

/** Such as `Tenant "acme": `; '' when the place belongs to no named entry. */
export function subjectOf(file: ConfigFileName, value: unknown, pointer: string): string {
  const [list, step] = fromPointer(pointer)
  if (list === undefined || step === undefined || !Object.hasOwn(subjects[file], list)) return ''
  const { word, nameKey } = subjects[file][list] as Subject
  const name = nameKey === '' ? step : valueAt(value, [list, step, nameKey])
  return typeof name === 'string' ? `${word} ${quote(name)}: ` : `${word} number ${Number(step) + 1}: `
}
