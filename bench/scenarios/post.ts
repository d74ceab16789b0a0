// Bodies that go up: JSON of two sizes.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { nginxLua } from '../gateways/nginx-lua.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const post1k = toPost('post-1k', 1024)
export const post100k = toPost('post-100k', 100 * 1024)

function toPost(name: string, bytes: number): Scenario {
  return {
    name,
    about: `POST of ${bytes / 1024} KB JSON, 64 connections`,
    unit: 'us/request',
    gateways: [nginxBare, nginxLua, aegisNoPlugins(), aegisFullChain()],
    async measure(turn) {
      const bodyFile = join(turn.directory, 'body.json')
      await writeFile(bodyFile, JSON.stringify({ text: 'x'.repeat(bytes - 11) }))
      const headers = { 'content-type': 'application/json' }
      return measureRequests(turn, { path: paths.upload, method: 'POST', bodyFile, headers })
    },
  }
}
