// Faults of the backend that authorizes. What must hold: who was not allowed by a good answer that still counts does not
// get in (`onUnavailable` deny: 503; stale: by the last answer, as long as its grace lasts; allow: lets pass), nothing is
// taken for an answer that is none, and routes that ask for no permission are served.
import type { AuthorizeMode } from './authorize-backend.ts'
import { type AuthorizeScene, startAuthorizeScene } from './authorize-scene.ts'
import type { Fault } from './fault.ts'

function fault(name: string, how: AuthorizeMode): Fault<AuthorizeScene> {
  return {
    name,
    start: startAuthorizeScene,
    break: ({ answer }) => answer(how),
    mend: ({ answer }) => answer('well'),
  }
}

export const authorizeFaults: readonly Fault<AuthorizeScene>[] = [
  {
    ...fault('authorize: away at start', 'resets'),
    start: () => startAuthorizeScene('resets'),
    break: async () => {},
  },
  fault('authorize: the whole upstream refuses', 'refuses'),
  fault('authorize: resets', 'resets'),
  fault('authorize: hangs', 'hangs'),
  fault('authorize: slower than its time-out', 'late'),
  fault('authorize: answers 500', '500'),
  fault('authorize: answers garbage', 'garbage'),
  {
    ...fault('authorize: flapping', 'well'),
    async break({ answer }) {
      for (const how of [
        'resets',
        'well',
        'garbage',
        'well',
        'hangs',
        'well',
        'refuses',
        'well',
        '500',
      ] as const) {
        await answer(how)
        await new Promise((resolve) => setTimeout(resolve, 400))
      }
    },
  },
]
