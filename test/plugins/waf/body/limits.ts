import type { BodyLimits } from '../../../../plugins/waf/seclang/types.ts'

export const limits: BodyLimits = { args: 1_000, depth: 64 }
