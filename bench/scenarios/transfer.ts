// Large bodies, one way each: what a megabyte costs.
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { largeBytes, paths } from '../upstream.ts'

const gateways = [nginxBare, aegisNoPlugins(), aegisFullChain()]
const bytesPerMb = 1024 * 1024
const connections = 8

export const download: Scenario = {
  name: 'download',
  about: `GET of 10 MB, ${connections} connections`,
  unit: 'us/MB',
  gateways,
  measure: (turn) =>
    measureRequests(turn, { path: paths.download, connections, units: ({ bytes }) => bytes / bytesPerMb }),
}

export const upload: Scenario = {
  name: 'upload',
  about: `POST of 10 MB, ${connections} connections`,
  unit: 'us/MB',
  gateways,
  async measure(turn) {
    const bodyFile = join(turn.directory, 'body.bin')
    // Just under Aegis's own limit on bodies.
    const bytes = largeBytes - 1024
    await writeFile(bodyFile, '')
    await truncate(bodyFile, bytes)
    const units = ({ requests }: { requests: number }): number => (requests * bytes) / bytesPerMb
    return measureRequests(turn, { path: paths.upload, method: 'POST', bodyFile, connections, units })
  },
}
