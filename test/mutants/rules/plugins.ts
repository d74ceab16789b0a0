// Security rules of the plugins and of the chain that runs them, as far as no other list here has them; keys and the WAF
// are in keys-waf.ts.
import { type Mutant, mutantsOf } from '../mutant.ts'

const rbac = 'test/plugins/rbac/rbac.test.ts'

const roles = [
  ...mutantsOf(
    'plugins/rbac/rbac.ts',
    [rbac],
    [
      [
        'who asks for a role or a permission is somebody',
        "if (identity === null) return 'unauthenticated'",
        "if (identity === null) return 'allow'",
      ],
      [
        "a token of another tenant does not get this one's roles",
        'here.id !== identity.tenantId) return',
        "here.id === '') return",
      ],
      [
        'a route that asks for roles is for those alone',
        'route.roles.length > 0 && !table.hasAny(identity.roles, route.roles)',
        'route.roles.length < 0',
      ],
      [
        'permissions of a token count only where they are trusted',
        'config.trustTokenPermissions && permitsAny(',
        'permitsAny(',
      ],
      [
        'what nobody permits is denied',
        "if (!config.subrequest.enabled) return 'deny'",
        "if (!config.subrequest.enabled) return 'allow'",
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/rbac/roles.ts',
    [rbac],
    [
      [
        'a role counts only where it is, or inherits, one that is wanted',
        'if (reach !== undefined && wanted.some((one) => reach.has(one))) return true',
        'if (reach !== undefined) return true',
      ],
      [
        'a role permits what it lists',
        'if (role !== undefined && permitsAny(role.permissions, resource, action)) return true',
        'if (role !== undefined) return true',
      ],
      [
        "a tenant's roles hold in that tenant",
        'own.get(tenant)) ?? general',
        '[...own.values()][0]) ?? general',
      ],
      [
        "a tenant's role replaces the general one of its name",
        'return { ...general, ...own }',
        'return { ...own, ...general }',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/rbac/permission.ts',
    [rbac],
    [
      [
        'a permission that is none grants nothing',
        'if (colon <= 0 || colon === permission.length - 1) return false',
        'if (colon < 0) return true',
      ],
      [
        'a star stands for a whole part',
        'if (length === 1 && permission.charCodeAt(start) === 42) return true',
        'if (permission.charCodeAt(start) === 42) return true',
      ],
      [
        'a part of a permission is compared as a whole',
        'return length === wanted.length && permission.startsWith(wanted, start)',
        'return wanted.startsWith(permission.slice(start, end))',
      ],
      [
        'a permission is read in one way',
        "permission.lastIndexOf(':')\n  if (colon <= 0",
        "permission.indexOf(':')\n  if (colon <= 0",
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/rbac/role-check.ts',
    [rbac],
    [
      ['roles that inherit in a circle are refused', 'if (circle !== null) {', 'if (circle === undefined) {'],
      [
        'a role inherits from roles that are defined',
        'if (Object.hasOwn(all, parent)) return',
        'if (all !== null) return',
      ],
      [
        'a malformed permission of a role is refused',
        'if (message !== null) problems.push({ pointer: `${place}/permissions',
        'if (message === undefined) problems.push({ pointer: `${place}/permissions',
      ],
    ],
  ),
]

const chain = mutantsOf(
  'gateway/dataplane/chain.ts',
  ['test/gateway/dataplane/chain.test.ts'],
  [
    [
      'a plugin that fails denies, unless it says otherwise',
      "if (instance.definition.onFailure === 'allow') return undefined",
      "if (instance.definition.onFailure !== 'log') return undefined",
    ],
    [
      'a plugin that throws has failed',
      'verdict = instance.plugin.onRequest?.(asRequestView(ex))\n    } catch (error) {\n      verdict = failHook(ex, instance, error)',
      'verdict = instance.plugin.onRequest?.(asRequestView(ex))\n    } catch (error) {\n      verdict = void error',
    ],
    [
      'a plugin whose promise breaks has failed',
      '.catch((error) => failHook(ex, instance, error))',
      '.catch((error) => void error)',
    ],
    [
      'a plugin that hangs has failed',
      '((_, reject) => {\n    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)',
      '((resolve) => {\n    timer = setTimeout(() => resolve(undefined as never), timeoutMs)',
    ],
    [
      'a plugin that throws at a body has failed',
      'const verdict = failHook(ex, instance, error)\n      if (verdict !== undefined) return verdict',
      'void error',
    ],
    [
      'a plugin that throws when it is asked again has failed',
      'verdict = instance.plugin.onRecheck(asRecheckView(ex))\n    } catch (error) {\n      verdict = failHook(ex, instance, error)',
      'verdict = instance.plugin.onRecheck(asRecheckView(ex))\n    } catch (error) {\n      verdict = void error',
    ],
    [
      'a late refusal counts',
      '(late) => late ?? (ex.ended ? undefined : runRequestHooks(ex, chain, i + 1)),',
      '(late) => (ex.ended ? late : runRequestHooks(ex, chain, i + 1)),',
    ],
    [
      'an entry for some routes is for those',
      'return scope.routes.length === 0 || scope.routes.includes(route.id)',
      'return true',
    ],
    ['an entry for some tenants is for those', 'if (tenants.length > 0) continue\n', ''],
    [
      'a rejection that nobody hears does not end the worker',
      'if (isThenable(outcome)) outcome.then(undefined, (error) => reportFailure(ex, instance, error))',
      'void outcome',
    ],
  ],
)

const clients = [
  ...mutantsOf(
    'plugins/request-size/request-size.ts',
    ['test/plugins/request-size/request-size.test.ts'],
    [
      [
        'a told length over limitBytes is refused',
        'if (told !== undefined && !(Number(told) <= limitBytes)) return tooLarge',
        'void tooLarge',
      ],
      ['a body of untold length is counted', 'ex.limitRequestBody(limitBytes)\n', '\n'],
      [
        'requireContentLength asks for one',
        'told === undefined && config.requireContentLength && mayHaveBody(ex)',
        "told === ''",
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/ip-restriction/ip-restriction.ts',
    ['test/plugins/ip-restriction/ip-restriction.test.ts'],
    [
      [
        'deny wins over allow',
        'return !lists.deny.has(address) && (',
        'return (lists.allow === null && !lists.deny.has(address)) || (',
      ],
      [
        'only who is on the list of allowed comes in',
        '(lists.allow === null || lists.allow.has(address))',
        'lists.allow !== undefined',
      ],
      [
        'an address that cannot be read does not come in',
        'if (address === null || !admits(general, address) || !admits(own, address))',
        'if (address !== null && (!admits(general, address) || !admits(own, address)))',
      ],
      [
        'the general list holds for every tenant',
        ' || !admits(general, address)',
        ' || general === undefined',
      ],
      ["a tenant's list holds beside the general one", ' || !admits(own, address)', ''],
    ],
  ),
  ...mutantsOf(
    'plugins/ip-restriction/address.ts',
    ['test/plugins/ip-restriction/address.test.ts'],
    [
      [
        'an IPv4-mapped address is an IPv4 address to the lists',
        'return digits.startsWith(mappedPrefix) ? Number.parseInt(digits.slice(24), 16) : digits',
        'return digits',
      ],
      [
        'networks that overlap are one',
        'else if (range.last > before.last) merged',
        'else if (range.last < before.first) merged',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/request-id/request-id.ts',
    ['test/plugins/request-id/request-id.test.ts'],
    [
      [
        'only a trusted peer names the request',
        'const sent = ex.peerTrusted ? ex.header(name) : undefined',
        'const sent = ex.header(name)',
      ],
      [
        'an id holds nothing that ends a field',
        'if (sent !== undefined && wellFormed.test(sent))',
        'if (sent !== undefined)',
      ],
      [
        'with trace "trusted" a stranger begins no trace',
        "const heard = config.trace === 'any' || ex.peerTrusted",
        'const heard = true',
      ],
      [
        'the id goes by no header that means something else',
        "if (!taken.has(name) && !name.startsWith('x-forwarded-')",
        "if (name !== '' || !name.startsWith('x-forwarded-')",
      ],
    ],
  ),
]

const logs = [
  ...mutantsOf(
    'plugins/observability/access-log.ts',
    ['test/plugins/observability/index.test.ts'],
    [
      [
        'credentials are never among the logged headers',
        'return credentialHeaders.includes(name.toLowerCase())',
        'return name.length === 0',
      ],
      [
        'credentials are known in every spelling',
        'return credentialHeaders.includes(name.toLowerCase())',
        'return credentialHeaders.includes(name)',
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/observability/access-log.ts',
    ['test/plugins/observability/access-log.test.ts'],
    [
      [
        'secrets in a Referer are not logged',
        "referer: redact.url(ex.header('referer'))",
        "referer: ex.header('referer')",
      ],
    ],
  ),
  ...mutantsOf(
    'plugins/observability/redaction.ts',
    ['test/plugins/observability/access-log.test.ts'],
    [
      [
        'an escaped name is the name',
        'const name = decodeName(rawName)',
        "const name = rawName.replaceAll('+', ' ')",
      ],
      [
        'a name that nobody can read is secret',
        'if (name === null) return true',
        'if (name === null) return false',
      ],
      [
        'a name is known in capitals and with spaces around it',
        '(bracket > 0 ? name.slice(0, bracket) : name).trim().toLowerCase()',
        'bracket > 0 ? name.slice(0, bracket) : name',
      ],
      [
        'a name with brackets is the name',
        '(bracket > 0 ? name.slice(0, bracket) : name)',
        '(bracket > 0 ? name : name)',
      ],
      ['a semicolon separates, too', '.split(/([&;])/)', '.split(/(&)/)'],
    ],
  ),
]

export const pluginMutants: readonly Mutant[] = [...roles, ...chain, ...clients, ...logs]
