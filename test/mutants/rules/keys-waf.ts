// Rules of the keys of tokens, and of the WAF, as far as no other list here has them.
import { type Mutant, mutantsOf } from '../mutant.ts'

const jwks = 'test/plugins/jwt/jwks.test.ts'

const keys = [
  ...mutantsOf(
    'plugins/jwt/keys.ts',
    [jwks],
    [
      [
        'a key that names its algorithm is for that one',
        'jwk.alg === undefined || jwk.alg === one',
        "jwk.alg !== ''",
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/jwt/keys.ts',
    ['test/plugins/jwt/keys.test.ts'],
    [
      ['a short RSA key is no key', 'if (bits < minRsaBits || bits > maxRsaBits)', 'if (bits > maxRsaBits)'],
      ['an RSA key has an end', 'if (bits < minRsaBits || bits > maxRsaBits)', 'if (bits < minRsaBits)'],
      [
        'an unsafe exponent makes no key',
        'if (exponent < 3n || exponent % 2n === 0n) throw',
        'if (exponent < 0n) throw',
      ],
      [
        'a key of the broken generator is no key',
        'if (hasRocaFingerprint(modulus)) throw',
        'if (hasRocaFingerprint(modulus) && modulus < 0n) throw',
      ],
      ['a short secret of a set is no key', 'if (long.length === 0) throw', 'if (long.length < 0) throw'],
    ],
  ),
  ...mutantsOf(
    'plugins/jwt/jwks.ts',
    [jwks],
    [
      [
        'a key for something else verifies nothing',
        "if (use !== undefined && use !== 'sig') return false",
        'void use',
      ],
      [
        'a key whose operations do not say verify verifies nothing',
        "(Array.isArray(operations) && operations.includes('verify'))",
        'operations !== null',
      ],
      ['a set has only so many keys', 'if (list.length > maxKeys) throw', 'if (list.length < 0) throw'],
    ],
  ),
  ...mutantsOf(
    'plugins/jwt/check.ts',
    ['test/plugins/jwt/check.test.ts'],
    [
      [
        'HS* and public keys do not stand in one issuer',
        'if (symmetric.length > 0 && symmetric.length < issuer.algorithms.length)',
        'if (symmetric.length < 0)',
      ],
      [
        'nothing public is a secret',
        'if (isPublic !== undefined && symmetric.length > 0)',
        "if (isPublic === '')",
      ],
      ['a PEM key is no secret', "if (secret.includes('-----BEGIN'))", "if (secret === '-----BEGIN')"],
      ['an empty secret is none', 'if (bytes.length === 0)\n', 'if (bytes.length < 0)\n'],
      [
        'one issuer has one kind of key',
        'if (given.length === 1) return []',
        'if (given.length > 0) return []',
      ],
    ],
  ),
]

const wafPlugin = 'test/plugins/waf/plugin.test.ts'
const wafBodies = 'test/plugins/waf/bodies.test.ts'

const waf = [
  ...mutantsOf(
    'plugins/waf/seclang/transform-tree.ts',
    [
      'test/plugins/waf/seclang/transaction.test.ts',
      'test/plugins/waf/seclang/transformation-triggers.test.ts',
    ],
    [
      [
        'WAF: transformations run one on the other',
        'return derive(before, node)',
        'return derive(text, node)',
      ],
      [
        'WAF: transformations of values that are used once run one on the other',
        'return node.run(transformValue(value, node.parent))',
        'return node.run(value)',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/waf/seclang/transaction.ts',
    ['test/plugins/waf/seclang/transaction.test.ts'],
    [
      [
        'WAF: a body that is longer than can be seen is refused',
        "if (state.requestBodyTruncated && rejects) return this.#interrupt('body-limit', 413)",
        'void rejects',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/waf/seclang/transaction.ts',
    ['test/plugins/waf/seclang/limits.test.ts'],
    [
      [
        'WAF: SecRequestBodyNoFilesLimit refuses',
        "if (rejects) return this.#interrupt('body-limit', 413)\n    }",
        '}',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/waf/seclang/transaction.ts',
    ['test/plugins/waf/seclang/budget.test.ts'],
    [['WAF: a spent budget refuses', "this.budgetSpent && this.#onBudget === 'block'", 'phase < 0']],
  ),
  ...mutantsOf(
    'plugins/waf/waf.ts',
    [wafBodies],
    [
      [
        'WAF: one byte more than the limit is read',
        'ex.inspectRequestBody(limit + 1)',
        'ex.inspectRequestBody(limit)',
      ],
      [
        'WAF: what is to be inspected is not compressed',
        "if (this.#config.responseBody) ex.setUpstreamHeader('accept-encoding', 'identity')\n",
        '',
      ],
      [
        'WAF: an answer can be refused for its head',
        'if (limit > 0 || kept.live.transaction.interruption !== null) ex',
        'if (limit > 0) ex',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/waf/content-coding.ts',
    [wafBodies],
    [
      [
        'WAF: a coding that nobody knows is refused',
        'if (decode === undefined) return { bytes, complete: false }',
        'if (decode === undefined) return { bytes, complete: true }',
      ],
      [
        'WAF: what cannot be decoded is refused',
        'return { bytes, complete: false }\n    }\n  }',
        'return { bytes, complete: true }\n    }\n  }',
      ],
      ['WAF: codings on top of each other have an end', 'applied.length > mostCodings || ', ''],
    ],
  ),
  ...mutantsOf(
    'plugins/waf/waf.ts',
    [wafPlugin],
    [
      [
        'WAF: a request without a body runs through all rules',
        'if (!ex.hasBody) return this.#readBody(kept, noBytes, true)',
        'if (!ex.hasBody) return undefined',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/waf/policy.ts',
    [wafPlugin],
    [
      [
        'WAF: the inbound threshold is the configured one',
        "    ['inbound_anomaly_score_threshold', inboundThreshold] as const,\n",
        '',
      ],
      [
        'WAF: the outbound threshold is the configured one',
        "    ['outbound_anomaly_score_threshold', outboundThreshold] as const,\n",
        '',
      ],
      [
        'WAF: the paranoia level is the configured one',
        '...level.map((name) => [name, paranoiaLevel] as const)',
        '...level.map((name) => [name, undefined] as const)',
      ],
      [
        'WAF: a tenant has its own levels',
        '(tenants.get(tenant) ?? usual)',
        '(tenants.size < 0 ? null : usual)',
      ],
      [
        'WAF: an exclusion holds on its routes alone',
        'if (routes.length > 0 && !routes.includes(route)) return false\n',
        '',
      ],
      [
        'WAF: an exclusion holds for its tenants alone',
        'tenants.length === 0 || (tenant !== null && tenants.includes(tenant))',
        'tenants.length >= 0',
      ],
    ],
  ),
]

export const keyAndWafMutants: readonly Mutant[] = [...keys, ...waf]
