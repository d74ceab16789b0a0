// What admission.ts refuses before anything is routed.
import type { Mutant } from '../mutant.ts'

const file = 'gateway/dataplane/admission.ts'
const tests = ['test/integration/admission.test.ts']

export const admissionMutants: readonly Mutant[] = [
  {
    ...{ file, tests },
    rule: 'TRACE and CONNECT are refused',
    find: "if (ex.method === 'TRACE' || ex.method === 'CONNECT') {",
    replace: "if (ex.method === 'NOTHING') {",
  },
  {
    ...{ file, tests },
    rule: 'Host is one name or address with a port',
    find: 'if (!isHost(host)) {',
    replace: 'if (host === null) {',
  },
  {
    ...{ file, tests },
    rule: 'an absolute target agrees with Host',
    find: 'if (authority.toLowerCase() !== ex.authority.toLowerCase()) {',
    replace: "if (authority === '') {",
  },
  {
    ...{ file, tests: ['test/integration/tls.test.ts'] },
    rule: 'a host that the certificate of the connection is not for gets 421',
    find: 'if (ex.down.secured === null || ex.down.secured.hosts.covers(ex.host)) return undefined',
    replace: 'if (ex.host !== null) return undefined',
  },
]
