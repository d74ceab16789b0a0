// Reads a request body as JSON, strictly: UTF-8, no prototype keys, bounded nesting. Main thread; called by server.ts.
import type { Json } from '../gateway/contract/control-api.ts'
import { findJsonFault } from './json-fault.ts'
import { badBody, escapePointer, HttpProblem } from './problems.ts'

export const bodyLimitBytes = 16 * 1024 * 1024

/** Deeper than any config; what walks a body recursively is safe below it. */
const maxDepth = 100

/** undefined for an empty body: clients that always send a content type may still ask without one. */
export function parseJsonBody(bytes: Uint8Array): Json | undefined {
  if (bytes.length === 0) return undefined
  const text = decode(bytes)
  const value = parse(text)
  refuseHostileShape(value)
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new HttpProblem(400, 'MALFORMED_JSON', 'The body is not valid UTF-8.')
  }
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    const { line, column, expected } = findJsonFault(text)
    throw new HttpProblem(
      400,
      'MALFORMED_JSON',
      `The body is not valid JSON: line ${line}, column ${column}: expected ${expected}.`,
      { members: { line, column } },
    )
  }
}

export function isPrototypeKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

/** With an own stack: the nesting of the input is what is being checked. */
function refuseHostileShape(root: Json): void {
  const pending: { value: Json; pointer: string; depth: number }[] = [{ value: root, pointer: '', depth: 0 }]
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    const { value, pointer, depth } = one
    if (value === null || typeof value !== 'object') continue
    if (depth >= maxDepth) throw badBody(pointer, `The body is nested deeper than ${maxDepth} levels.`)
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value) && isPrototypeKey(key)) {
        throw badBody(`${pointer}/${key}`, `The name ${key} is not allowed anywhere in a body.`)
      }
      if (inner === null || typeof inner !== 'object') continue
      pending.push({ value: inner, pointer: `${pointer}/${escapePointer(key)}`, depth: depth + 1 })
    }
  }
}
