// Two gateways with the same config, each from a directory of its own, as every scene has them.
import { type ConfigParts, createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'

export interface Pair {
  readonly gateways: readonly TestGateway[]
  /** Their config directories, in the same order. */
  readonly dirs: readonly string[]
  stop(): Promise<void>
}

export async function startPair(
  config: ConfigParts,
  env: Readonly<Record<string, string>> = {},
): Promise<Pair> {
  const dirs = await Promise.all([1, 2].map(() => createConfigDir(config)))
  const gateways = await Promise.all(dirs.map(({ dir }) => startGateway({ configDir: dir, env })))
  return {
    gateways,
    dirs: dirs.map(({ dir }) => dir),
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all(dirs.map((one) => one.remove()))
    },
  }
}
