// `npm run test:mutants [-- part of an area or rule]`: takes each security rule out of a copy of the project and sees its
// tests fail. Ends with 1 where a rule could be taken out without a test noticing, or a test fails as it is.
import { type Mutant, readAreas } from './mutant.ts'
import { Tree } from './tree.ts'

const wanted = (process.argv[2] ?? '').toLowerCase()
const areas = await readAreas()
const tree = new Tree()
const sound = new Map<string, boolean>()
const counts = { noticed: 0, unnoticed: 0, unsound: 0 }

async function isSound({ tests }: Mutant): Promise<boolean> {
  const key = tests.join(' ')
  const known = sound.get(key) ?? (await tree.passes(tests))
  sound.set(key, known)
  return known
}

async function judge(mutant: Mutant): Promise<keyof typeof counts> {
  if (!(await isSound(mutant))) return 'unsound'
  return (await tree.passesWithout(mutant)) ? 'unnoticed' : 'noticed'
}

process.once('exit', () => tree.remove())
for (const { name, mutants } of areas) {
  for (const mutant of mutants) {
    if (!`${name} ${mutant.rule}`.toLowerCase().includes(wanted)) continue
    const result = await judge(mutant)
    counts[result] += 1
    const text = { noticed: 'noticed  ', unnoticed: 'UNNOTICED', unsound: 'TEST FAILS AS IT IS' }[result]
    console.log(`${text} ${name}: ${mutant.rule}`)
  }
}
console.log(
  `${counts.noticed} noticed, ${counts.unnoticed} unnoticed, ${counts.unsound} with a test that fails as it is`,
)
if (counts.noticed === 0 || counts.unnoticed + counts.unsound > 0) process.exitCode = 1
