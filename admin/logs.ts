// /admin/logs: recent lines, or with `?follow` the live log as server-sent events. Main thread.
import { createHash } from 'node:crypto'
import { Type } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { AdminApp, AdminContext } from './context.ts'
import { createLogStream, type LogStream } from './log-stream.ts'
import { pageOf, pageQuery } from './paging.ts'
import { HttpProblem } from './problems.ts'
import { querySchema } from './route-schemas.ts'

/** Each follower costs a write per log line. */
const maxFollowers = 16

const lines = Type.Object({
  data: Type.Array(
    Type.Unknown({ description: 'A log line: the object it holds, or text where it holds none.' }),
  ),
  next: Type.Union([Type.String(), Type.Null()]),
})

const logsSchema = {
  tags: ['status'],
  summary: 'Recent log lines, newest first; with `follow` the live log as server-sent events',
  description:
    'With `follow` each event is one line. A reader that is too slow loses lines, and is told how many by an event named `dropped`.',
  querystring: querySchema({
    ...pageQuery,
    follow: Type.Optional(
      Type.Enum(['', 'true', 'false'], {
        description: 'Present or `true`: keep the answer open and send each new line.',
      }),
    ),
    contains: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Only lines that hold this text.' }),
    ),
  }),
  response: {
    200: {
      description: 'The lines.',
      content: { 'application/json': { schema: lines }, 'text/event-stream': { schema: { type: 'string' } } },
    },
  },
}

export function registerLogs(app: AdminApp, context: AdminContext): void {
  const followers = new Set<LogStream>()
  // Before the server waits for its open answers: these end only when told to.
  app.addHook('preClose', async () => {
    for (const follower of [...followers]) follower.end()
  })
  app.get(
    '/admin/logs',
    { config: { access: 'viewer' }, exposeHeadRoute: false, schema: logsSchema },
    (request, reply): unknown => {
      const { follow, contains } = request.query
      if (follow === '' || follow === 'true') return startFollowing(context, followers, reply, contains)
      const matching = context.control
        .recentLogs()
        .filter((line) => contains === undefined || line.includes(contains))
      const page = pageOf(numbered(matching).reverse(), ({ key }) => key, request.query, 'nothing')
      return { ...page, data: page.data.map(({ line }) => parsed(line)) }
    },
  )
}

function startFollowing(
  context: AdminContext,
  followers: Set<LogStream>,
  reply: FastifyReply,
  contains: string | undefined,
): FastifyReply {
  if (followers.size >= maxFollowers) {
    throw new HttpProblem(
      503,
      'TOO_MANY_FOLLOWERS',
      `The log is followed by ${maxFollowers} readers already.`,
      {
        headers: { 'retry-after': '30' },
      },
    )
  }
  reply.hijack()
  const response = reply.raw
  response.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  })
  const stream = createLogStream(response, context.clock, () => {
    unsubscribe()
    followers.delete(stream)
  })
  followers.add(stream)
  const unsubscribe = context.control.followLogs((line) => {
    if (contains === undefined || line.includes(contains)) stream.send(line)
  })
  return reply
}

/** Lines have no id: their hash and their place among equal ones name them. */
function numbered(all: readonly string[]): { line: string; key: string }[] {
  const seen = new Map<string, number>()
  return all.map((line) => {
    const hash = createHash('sha256').update(line).digest('base64url').slice(0, 16)
    const order = (seen.get(hash) ?? 0) + 1
    seen.set(hash, order)
    return { line, key: `${hash} ${order}` }
  })
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return line.trimEnd()
  }
}
