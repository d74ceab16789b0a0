import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type RunOptions, runWatched } from './watch.ts'

const options: RunOptions = {
  ...{ targets: ['one', 'another'], seed: 1, count: 1, seconds: 1, hangMs: 100, heapMb: 32 },
}
/** A thread that says what it works on, and then does this. */
const threadThat = (does: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(
      `import { workerData } from 'node:worker_threads'; workerData.progress.set([1, 42, 7]); ${does}`,
    )}`,
  )

describe('the watch over the fuzzer', () => {
  for (const [title, does, words] of [
    ['hangs in a loop', 'for (;;);', /takes longer/],
    ['waits for what never comes', 'setInterval(() => {}, 1000)', /takes longer/],
    [
      'throws behind the back of its check',
      "setImmediate(() => { throw new Error('late') })",
      /late[\s\S]*died/,
    ],
    [
      'leaves a promise alone',
      "Promise.reject(new Error('alone')); setInterval(() => {}, 9)",
      /alone[\s\S]*died/,
    ],
    [
      'takes memory without end',
      'const all = []; for (;;) all.push(new Array(9999).fill({}))',
      /memory[\s\S]*died/,
    ],
  ] as const) {
    it(`names the input that ${title}`, () =>
      assert.rejects(
        runWatched(
          { ...options, hangMs: words.source.includes('died') ? 600_000 : 100 },
          () => {},
          threadThat(does),
        ),
        (error: Error) => {
          assert.match(error.message, words)
          assert.match(error.message, /--target "another" --seed 42 --count 1/)
          return true
        },
      ))
  }
})
