import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import {
  createRevocationHash,
  type RevocationHash,
  type SharedRevocation,
} from '../../../../gateway/shared-state/redis/revocation-hash.ts'
import { type RedisServer, startRedis } from '../../../services/redis.ts'
import { openLink } from './setup.ts'

let redis: RedisServer
let link: RedisLink
let hash: RevocationHash
before(async () => {
  redis = await startRedis()
  ;({ link } = await openLink({ url: redis.url }))
  hash = createRevocationHash(link)
})
after(async () => {
  link?.close()
  await redis?.stop()
})

const entry = (over: Partial<SharedRevocation> = {}): SharedRevocation => ({
  ...{ id: 'one', kind: 'user', subject: 'ada', tenantId: null, notBefore: 100, expiresAt: 200 },
  ...over,
})
const lifted = (over: Partial<SharedRevocation> = {}) => entry({ ...over, lifted: true })

const cases: [
  title: string,
  known: SharedRevocation | null,
  said: SharedRevocation,
  holds: SharedRevocation,
][] = [
  ['a first one is kept', null, entry(), entry()],
  ['a longer one extends', entry(), entry({ expiresAt: 300 }), entry({ expiresAt: 300 })],
  ['a shorter one does not shorten', entry(), entry({ notBefore: 50, expiresAt: 150 }), entry()],
  [
    'another one of the subject takes the id that is there',
    entry(),
    entry({ id: 'two', notBefore: 110 }),
    entry({ notBefore: 110 }),
  ],
  ['lifting leaves a mark', entry(), lifted(), lifted()],
  ['what was lifted and is told again stays lifted', lifted(), entry(), lifted()],
  [
    'what was lifted and revoked later counts',
    lifted(),
    entry({ notBefore: 101 }),
    entry({ notBefore: 101 }),
  ],
  [
    'what was lifted and is revoked under another id counts',
    lifted(),
    entry({ id: 'two' }),
    entry({ id: 'two' }),
  ],
  [
    'lifting what was extended meanwhile lifts nothing',
    entry({ notBefore: 101 }),
    lifted(),
    entry({ notBefore: 101 }),
  ],
  [
    'lifting what another revocation has replaced lifts nothing',
    entry({ id: 'two' }),
    lifted(),
    entry({ id: 'two' }),
  ],
]

for (const [index, [title, known, said, holds]] of cases.entries()) {
  test(title, async () => {
    const about = (one: SharedRevocation) => ({ ...one, subject: `${index} "\\\u20ac` })
    if (known !== null) await hash.merge([about(known)])
    assert.deepEqual(await hash.merge([about(said)]), [about(holds)])
    const kept = (await hash.readAll()).filter(({ subject }) => subject === about(said).subject)
    assert.deepEqual(kept, [about(holds)])
  })
}

test('one subject in two tenants, in none, and of two kinds are four', async () => {
  const all = [
    entry({ subject: 'x' }),
    entry({ subject: 'x', tenantId: 'a' }),
    entry({ subject: 'x', tenantId: 'b' }),
    entry({ subject: 'x', kind: 'session' }),
  ]
  await hash.merge(all)
  assert.equal((await hash.readAll()).filter(({ subject }) => subject === 'x').length, 4)
  await hash.drop(all.slice(0, 3))
  assert.deepEqual(
    (await hash.readAll()).filter(({ subject }) => subject === 'x'),
    all.slice(3),
  )
})
