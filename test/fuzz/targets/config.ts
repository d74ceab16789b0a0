// Config files: any text is a config, or a list of problems that each name a place.
import assert from 'node:assert/strict'
import { parseConfigText } from '../../../config/load.ts'
import { build, goodFiles } from '../../config/files.ts'
import { mutate } from '../../support/mutate.ts'
import type { Target } from '../target.ts'

const fileNames = ['routes', 'gateway', 'plugins'] as const

const configFiles: Target = {
  name: 'config files',
  share: 2,
  create: (random) => mutate(JSON.stringify(goodFiles()[random.pick(fileNames)]), random),
  check(input) {
    const read = parseConfigText(input)
    if ('problem' in read) return assert.ok(read.problem.length > 0)
    for (const name of fileNames) {
      const built = build({ ...goodFiles(), [name]: read.value })
      if (!built.ok)
        assert.ok(built.problems.length > 0 && built.problems.every(({ message }) => message !== ''))
    }
  },
}

export const configTargets: readonly Target[] = [configFiles]
