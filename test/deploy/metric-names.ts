// Names of metrics: those that the product defines, read from its source, and those that an expression asks for.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const name = /(['"`])((?:aegis|process)_[a-z0-9_]+)\1/g

/** Metrics whose name stands in the source of the gateway or of a plugin. */
export function readProductMetrics(): ReadonlySet<string> {
  const found = new Set<string>()
  for (const folder of ['gateway', 'plugins']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue
      const text = readFileSync(join(root, folder, file), 'utf8')
      for (const match of text.matchAll(name)) found.add(match[2] as string)
    }
  }
  return found
}

/** `up` is Prometheus' own; the series of a histogram are given by the name of the histogram. */
export function metricsIn(expression: string): string[] {
  const names = expression.match(/\b(?:aegis|process)_[a-z0-9_]+/g) ?? []
  return names.map((one) => one.replace(/_seconds_(bucket|sum|count)$/, '_seconds'))
}
