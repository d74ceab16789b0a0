// Spellings of a path and the places where they stand, for path-matrix.test.ts. Bytes, latin1. What lies under /svc/admin is denied.

/** In place of `{}`: ways to write `admin`, for one reader or another, and a few harmless names. */
export const spellings: readonly string[] = [
  ...['admin', '%61dmin', '%61%64%6d%69%6e', 'a%64min', 'admi%6E', 'admi%6e', 'ADMIN', '%41dmin', 'Admin'],
  // Decoded more than once.
  ...['%2561dmin', '%252561dmin', 'admin%2520', '%25%36%31dmin', '%2%35%36%31dmin'],
  // With parameters.
  ...[
    'admin;',
    'admin;x=1',
    'admin;a;b',
    ';admin',
    ';',
    'admin%3B',
    'admin%3bx',
    'admin%253Bx',
    '%61dmin;x',
    ';x%2Fy',
  ],
  // With slashes.
  ...[
    'admin%2F',
    'admin%2fx',
    '%2Fadmin',
    '%2f%2fadmin',
    'x%2Fadmin',
    'admin%252F',
    'admin%5C',
    'admin%5cx',
    'admin\\',
    '%255Cadmin',
  ],
  // With what begins a query or a fragment once it is decoded.
  ...['admin%3F', 'admin%3fx.css', 'admin%23', 'admin%253Fx', 'x%3Fadmin'],
  // With dots.
  ...[
    'admin.',
    'admin..',
    'admin...',
    '.admin',
    '..admin',
    '..;',
    '.;x',
    '%2e%2e;',
    '%2e',
    '..%2Fadmin',
    '.%2e%2fadmin',
    '%252e%252e%252fadmin',
  ],
  // With controls and white space.
  ...[
    'admin%00',
    'admin%00.css',
    '%00admin',
    'admin%20',
    '%20admin',
    'admin%09',
    'admin%0d%0a',
    'admin%7f',
    'admin\t',
    'admin+',
  ],
  // Beyond ASCII, or not UTF-8.
  ...[
    '%C1%A1dmin',
    '%E0%81%A1dmin',
    'admin%C0%AF',
    'admin%C0%AE%C0%AE',
    '%EF%BD%81dmin',
    '\xe4dmin',
    '%C3%A4dmin',
    '%ff',
    '\xc0\xaf',
  ],
  // What is no escape, or not of a path.
  ...[
    '%u0061dmin',
    'admin%',
    'admin%2',
    '%zzadmin',
    'admin#x',
    'admin?x',
    'admin%23x',
    'admin%3Fx',
    'admin|',
    'admin%7c',
    'admin"',
    'admin*',
  ],
  ...['items', 'it%65ms', 'a%20b', '%C3%BC', 'a:b@c', 'a,b=c', "(a)!$&'+", '~a_b-c.d', '100%25'],
]

export interface Position {
  /** `{}`: the spelling. */
  readonly path: string
  /** The target names the host too. */
  readonly absolute?: true
}

export const positions: readonly Position[] = [
  { path: '/svc/{}/secret' },
  { path: '/svc/{}' },
  { path: '/svc/{}/' },
  { path: '/svc/{}/secret', absolute: true },
  { path: '/svc/x/../{}/secret' },
  { path: '/svc/x/%2e%2E/{}/secret' },
  { path: '/svc/./{}/secret' },
  { path: '/svc//{}/secret' },
  { path: '//svc/{}/secret' },
  { path: '/svc/{}//secret' },
  { path: '/svc/{}/../x' },
  { path: '/svc/{}/./y' },
  { path: '/svc/x/{}/secret' },
  { path: '/%73vc/{}/secret' },
  { path: '/other/../svc/{}/secret' },
  { path: '/svc/{};p/secret' },
  { path: '/svc/;p/{}/secret' },
  { path: '/svc/x%2F..%2F{}/secret' },
  { path: '/svc/%2F{}/secret' },
  { path: '/svc/a/b/../../{}/secret' },
  { path: '/{}/../svc/admin/secret' },
]

/** One way to rewrite, with an open route and one below it that is denied. */
export interface Host {
  readonly name: string
  /** Gets every combination; the others a third of them each. */
  readonly thorough?: true
  /** Of the routes. */
  readonly rewrite?: { readonly stripPrefix?: string; readonly path?: string }
  /** Paths of the open route and of the denied one. */
  readonly paths: readonly [open: string, denied: string]
  /** Of the open route. */
  readonly encodedSlashes?: 'keep'
  /** What the path becomes. */
  up(path: string): string
  /** The denied place, as the upstream knows it. */
  readonly forbidden: string
}

const wild = ['/svc/*', '/svc/admin/*'] as const

export const hosts: readonly Host[] = [
  { name: 'plain', paths: wild, up: (path) => path, forbidden: '/svc/admin' },
  {
    name: 'strip',
    thorough: true,
    rewrite: { stripPrefix: '/svc' },
    paths: wild,
    up: (path) => path.slice('/svc'.length) || '/',
    forbidden: '/admin',
  },
  {
    name: 'template',
    rewrite: { path: '/t/v1/*' },
    paths: ['/svc/*', '/svc/admin/*'],
    up: (path) => `/t/v1${path.slice('/svc'.length)}`,
    forbidden: '/t/v1/admin',
  },
  {
    name: 'named',
    rewrite: { path: '/n/{area}/of/{item}' },
    paths: ['/svc/{area}/{item}', '/svc/admin/{item}'],
    up: (path) => path.replace(/^\/svc\/([^/]*)\//, '/n/$1/of/'),
    forbidden: '/n/admin',
  },
  {
    name: 'kept',
    thorough: true,
    rewrite: { stripPrefix: '/svc' },
    paths: wild,
    encodedSlashes: 'keep',
    up: (path) => path.slice('/svc'.length) || '/',
    forbidden: '/admin',
  },
]

/** Query strings, byte for byte: nothing in them is any business of ours. */
export const queries: readonly string[] = [
  ...[
    '',
    '=',
    '&',
    '&&',
    'a',
    'a=',
    '=b',
    'a=b&a=b',
    'a=1&&b=2&',
    '?',
    '??a',
    'a?b/c',
    '/',
    '//',
    '/../',
    '/svc/admin',
  ],
  ...[
    'a=%2F',
    'a=%2f',
    'a=%2e%2e',
    'a=%61',
    'a=%00',
    'a=%0d%0aX:y',
    'a=%',
    'a=%z',
    'a=%zz',
    'a=%u0041',
    'a=%C0%AF',
    'a=%ff',
  ],
  ...[
    'a+b',
    'a=%20',
    'a=\\',
    'a=|',
    'a="',
    "a='",
    'a=<b>',
    'a=^',
    'a=`',
    'a={}',
    'a[]=1',
    'a[b][c]=1',
    'a;b',
    'a;b=1',
    'a:b@c',
  ],
  ...[
    'a=b;path=/x',
    '%3F',
    '%23',
    '%26a%3Db',
    'a=$%7BNAME%7D',
    '*',
    '~!@$^&*()_+',
    'a=%2525',
    'x'.repeat(2_000),
  ],
]
