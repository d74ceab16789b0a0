// Every scenario, in the order in which they run.
import type { Scenario } from '../scenario.ts'
import { smallGet } from './small-get.ts'

export const allScenarios: readonly Scenario[] = [smallGet]
/** What `--quick` runs within two minutes. */
export const quickScenarios: readonly Scenario[] = [smallGet]
