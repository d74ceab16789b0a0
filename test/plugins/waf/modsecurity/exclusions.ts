// Tests of ModSecurity that do not hold here, each with its reason.

export interface ModsecurityTest {
  readonly type: 'op' | 'tfn'
  readonly name: string
  readonly param?: string
  readonly input?: string
  /** Of operators. */
  readonly ret?: number
  /** Of transformations. */
  readonly output?: string
}

interface Exclusion {
  readonly reason: string
  covers(test: ModsecurityTest): boolean
}

const exclusions: readonly Exclusion[] = [
  {
    reason: 'ModSecurity 3 has no such transformation and passes these tests over',
    covers: ({ name }) => name === 'phpArgsNames',
  },
  {
    reason: 'ModSecurity copies the NUL behind the end of its buffer into the value',
    covers: ({ name, output }) => name === 'removeComments' && output === '\0',
  },
  {
    reason:
      'the value ends at its first NUL there, so that the rest of the expected output was never compared',
    covers: ({ name, output }) => name === 'cssDecode' && output?.endsWith('\0 string') === true,
  },
  {
    reason: '@geoLookup needs a database of places; rules that name it never match here',
    covers: ({ name }) => name === 'geoLookup',
  },
  {
    reason: 'an argument that is wrong is refused when the rules are loaded, not taken for another',
    covers: ({ name, param }) =>
      (name === 'ipMatch' && param === '10.0.0.0/100') ||
      (name === 'validateByteRange' && (param === '' || param === 'xxx')),
  },
]

/** null when the test must pass. */
export function exclusionOf(test: ModsecurityTest): string | null {
  return exclusions.find((exclusion) => exclusion.covers(test))?.reason ?? null
}
