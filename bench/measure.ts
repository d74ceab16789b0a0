// What the kernel says about a process and its descendants: CPU time and memory (proc(5)). Linux only.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const usPerTick = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** utime+stime of a process and all its descendants, with all their threads, living and waited for, in microseconds. */
export function readCpuUs(pid: number): number {
  return sumOverTree(pid, (one) => {
    const stat = readFileSync(`/proc/${one}/stat`, 'utf8')
    // The command in field 2 may hold blanks and brackets; the fields after its last bracket do not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    return ticks * usPerTick
  })
}

/** Memory in RAM that is not shared with other programs' files: anonymous pages of the whole tree. */
export function readRssBytes(pid: number): number {
  return sumOverTree(pid, (one) => {
    const kb = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1]
    return Number(kb) * 1024
  })
}

function sumOverTree(pid: number, read: (pid: number) => number): number {
  return childrenOf(pid).reduce((sum, child) => sum + sumOverTree(child, read), read(pid))
}

function childrenOf(pid: number): number[] {
  const text = readdirSync(`/proc/${pid}/task`)
    .map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'))
    .join(' ')
  return text.split(' ').filter(Boolean).map(Number)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
