// Grammar of paths and hosts, and routes that match the same requests.
import { type AcceptedRows, acceptRoutes, type Rows, refuseRoutes, route } from './files.ts'

const paths = (...list: string[]) => route({ paths: list })

// What is done to routes.json, and the only problem that comes of it (pointer and part of the sentence).
const refused: Rows = [
  ['no path', route({ paths: [] }), '/routes/1/paths', '"paths" must hold at least one entry.'],
  [
    'a path without a slash',
    paths('open'),
    '/routes/1/paths/0',
    'Route "open": the path "open" cannot be used: it must start with "/".',
  ],
  ['a double slash', paths('/a//b'), '/routes/1/paths/0', 'it must not hold "//"'],
  ['a dot segment', paths('/a/../b'), '/routes/1/paths/0', 'dot segments'],
  ['a query', paths('/a?b=c'), '/routes/1/paths/0', '"?" is not part of a path'],
  ['a fragment', paths('/a#b'), '/routes/1/paths/0', '"#" is not part of a path'],
  ['a star within a path', paths('/a/*/b'), '/routes/1/paths/0', '"*" can only be its last segment'],
  ['a star within a segment', paths('/a*'), '/routes/1/paths/0', '"*" can only be its whole last segment'],
  ['a name within a segment', paths('/a-{b}'), '/routes/1/paths/0', '"{name}" must be a whole segment'],
  ['a name that is none', paths('/{a-b}'), '/routes/1/paths/0', '"{a-b}" is not a segment'],
  ['an empty name', paths('/{}'), '/routes/1/paths/0', '"{}" is not a segment'],
  ['a name twice', paths('/{a}/{a}'), '/routes/1/paths/0', 'the name "{a}" is used twice'],
  ['a percent-encoded letter', paths('/%61'), '/routes/1/paths/0', '"%61" must be written as "a"'],
  ['a lower-case escape', paths('/%e2'), '/routes/1/paths/0', '"%e2" must be in upper case: "%E2"'],
  ['a broken escape', paths('/%zz'), '/routes/1/paths/0', 'two hexadecimal digits'],
  ['an encoded slash', paths('/a%2Fb'), '/routes/1/paths/0', '"%2F" is refused in every request'],
  ['a space', paths('/a b'), '/routes/1/paths/0', 'the character " " must be percent-encoded'],
  ['a letter outside ASCII', paths('/é'), '/routes/1/paths/0', 'must be percent-encoded'],
  ['a backslash', paths('/a\\b'), '/routes/1/paths/0', 'must be percent-encoded'],

  [
    'a host with a port',
    route({ hosts: ['a.test:80'] }),
    '/routes/1/hosts/0',
    'the host "a.test:80" cannot be used: give the host without a port.',
  ],
  [
    'a host with a scheme',
    route({ hosts: ['http://a.test'] }),
    '/routes/1/hosts/0',
    'without scheme or path',
  ],
  [
    'a star inside a host',
    route({ hosts: ['a.*.test'] }),
    '/routes/1/hosts/0',
    '"*" can only be the whole first label',
  ],
  ['two stars', route({ hosts: ['*.*.test'] }), '/routes/1/hosts/0', '"*" can only be the whole first label'],
  ['a star alone', route({ hosts: ['*'] }), '/routes/1/hosts/0', '"*" can only be the whole first label'],
  [
    'subdomains of an address',
    route({ hosts: ['*.127.0.0.1'] }),
    '/routes/1/hosts/0',
    'an address has no subdomains',
  ],
  ['a final dot', route({ hosts: ['a.test.'] }), '/routes/1/hosts/0', 'leave out the final dot'],
  ['an empty label', route({ hosts: ['a..test'] }), '/routes/1/hosts/0', '"" is not a label'],
  ['a host outside ASCII', route({ hosts: ['é.test'] }), '/routes/1/hosts/0', '"xn--" form'],
  ['a bare IPv6 address', route({ hosts: ['::1'] }), '/routes/1/hosts/0', 'must stand in brackets'],
  [
    'a host twice',
    route({ hosts: ['a.test', 'A.test'] }),
    '/routes/1/hosts/1',
    'the host "A.test" is given twice',
  ],

  [
    'the same path twice',
    paths('/a/{x}', '/a/{y}'),
    '/routes/1/paths/1',
    'matches the same requests as an earlier path of it',
  ],
  [
    'a twin',
    route({ paths: ['/items/*'] }),
    '/routes/1/paths/0',
    'Routes "items" and "open" match the same requests at "/items/*"',
  ],
  [
    'a twin with other names',
    (r) => {
      r.routes[0].paths = ['/a/{x}/b']
      r.routes[1].paths = ['/a/{y}/b']
    },
    '/routes/1/paths/0',
    'Routes "items" and "open" match the same requests at "/a/{y}/b"',
  ],
  [
    'a twin on one host of several',
    (r) => {
      Object.assign(r.routes[0], { hosts: ['a.test', 'b.test'], paths: ['/x'] })
      Object.assign(r.routes[1], { hosts: ['c.test', 'B.TEST'], paths: ['/x'] })
    },
    '/routes/1/paths/0',
    'neither is more specific',
  ],
  [
    'a twin in one method of several',
    (r) => {
      Object.assign(r.routes[0], { methods: ['GET', 'POST'], paths: ['/x'] })
      Object.assign(r.routes[1], { methods: ['PUT', 'POST'], paths: ['/x'] })
    },
    '/routes/1/paths/0',
    'neither is more specific',
  ],
  [
    'a twin with the same headers in other order and case',
    (r) => {
      Object.assign(r.routes[0], { headers: { a: '1', b: '2' }, paths: ['/x'] })
      Object.assign(r.routes[1], { headers: { B: '2', A: '1' }, paths: ['/x'] })
    },
    '/routes/1/paths/0',
    'neither is more specific',
  ],
]

refuseRoutes(refused)

const accepted: AcceptedRows = [
  [
    'methods given beside methods not given',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].methods = ['GET']
    },
  ],
  [
    'different methods at one path',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].methods = ['GET']
      r.routes[1].methods = ['POST']
    },
  ],
  [
    'headers given beside headers not given',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].headers = { a: 'b' }
    },
  ],
  [
    'different values of one header',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].headers = { a: 'b' }
      r.routes[1].headers = { a: 'c' }
    },
  ],
  ['a literal beside a name beside a rest', route({ paths: ['/a/b', '/a/{x}', '/a/*', '/*', '/'] })],
  [
    'an exact host beside a wildcard beside none',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].hosts = ['*.a.test', 'b.a.test']
    },
  ],
  ['escapes of reserved characters, and sub-delimiters', paths("/caf%C3%A9/a%3Fb/!$&'()+,;=:@-._~/{_a1}/")],
  [
    'addresses and single labels as hosts',
    route({ hosts: ['127.0.0.1', '[::1]', 'localhost', 'my_service', '*.localhost'] }),
  ],
]

acceptRoutes(accepted)
