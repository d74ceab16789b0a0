import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { Pages } from '../../../../gateway/dataplane/http1/pages.ts'

interface Write {
  readonly bytes: Buffer
  readonly done: ((error?: Error | null) => void) | undefined
}

/** A socket whose writes end when the test says so. */
function createSlowSocket(): { socket: Socket; writes: Write[] } {
  const writes: Write[] = []
  const write = (bytes: Buffer, done?: Write['done']): boolean => {
    writes.push({ bytes, done })
    return false
  }
  return { socket: { write } as unknown as Socket, writes }
}

describe('copies on their way to a client', () => {
  test('stay as they are, whatever becomes of the bytes that they were made of', () => {
    const { socket, writes } = createSlowSocket()
    const pages = new Pages()
    const shared = Buffer.from('first')
    assert.equal(pages.write(socket, shared), false)
    shared.write('other')
    assert.equal(writes[0]?.bytes.toString(), 'first')
  })

  test('never share memory while one of them is not out', () => {
    const { socket, writes } = createSlowSocket()
    const pages = new Pages()
    for (const text of ['one', 'two', 'three']) pages.write(socket, Buffer.from(text))
    writes[1]?.done?.()
    pages.write(socket, Buffer.from('four'))
    assert.deepEqual(
      [0, 2, 3].map((at) => writes[at]?.bytes.toString()),
      ['one', 'three', 'four'],
    )
    assert.equal(writes[3]?.bytes.buffer, writes[1]?.bytes.buffer, 'what is out is used again')
  })

  test('are not used again after a write that failed', () => {
    const { socket, writes } = createSlowSocket()
    const pages = new Pages()
    pages.write(socket, Buffer.from('one'))
    writes[0]?.done?.(new Error('the socket was destroyed'))
    pages.write(socket, Buffer.from('two'))
    assert.notEqual(writes[1]?.bytes.buffer, writes[0]?.bytes.buffer)
    assert.equal(writes[0]?.bytes.toString(), 'one')
  })

  test('are made anew for more than a page', () => {
    const { socket, writes } = createSlowSocket()
    const large = Buffer.alloc(70_000, 'x')
    new Pages().write(socket, large)
    large.fill('y')
    assert.ok(writes[0]?.bytes.equals(Buffer.alloc(70_000, 'x')))
    assert.equal(writes[0]?.done, undefined)
  })
})
