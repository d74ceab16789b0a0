// A bar chart of one or several scenarios as SVG, readable on light and dark pages.
import { toShort, toTimes } from './report.ts'
import type { ScenarioResult } from './results.ts'

const width = 860
const labelWidth = 190
const barHeight = 20
const gap = 6
const titleHeight = 44
const barWidth = width - labelWidth - 150

export function toChart(results: readonly ScenarioResult[], caption: string): string {
  const parts: string[] = []
  let y = 34
  for (const result of results) {
    parts.push(...drawScenario(result, y))
    y += titleHeight + result.rows.length * (barHeight + gap) + 16
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" role="img">`,
    '<style>text{font:13px system-ui,sans-serif;fill:#24292f}.dim{fill:#6e7781}.name{font-weight:600}' +
      'rect{fill:#afb8c1}.aegis{fill:#0969da}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#8b949e}}</style>',
    `<text class="dim" x="0" y="16">${toXml(caption)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function drawScenario({ name, about, unit, rows }: ScenarioResult, top: number): string[] {
  const most = Math.max(...rows.map(({ cost }) => cost))
  const bars = rows.flatMap((row, index) => {
    const y = top + titleHeight + index * (barHeight + gap)
    const length = most > 0 ? Math.max(1, Math.round((row.cost / most) * barWidth)) : 1
    const text = `${toShort(row.cost)} ${unit} (${toTimes(row.ratio)} x)${row.errors > 0 ? `, ${row.errors} errors` : ''}`
    const kind = row.gateway.startsWith('aegis') ? ' class="aegis"' : ''
    return [
      `<text x="${labelWidth - 10}" y="${y + 15}" text-anchor="end">${toXml(row.gateway)}</text>`,
      `<rect${kind} x="${labelWidth}" y="${y}" width="${length}" height="${barHeight}" rx="3"/>`,
      `<text class="dim" x="${labelWidth + length + 8}" y="${y + 15}">${toXml(text)}</text>`,
    ]
  })
  return [
    `<text class="name" x="0" y="${top + 14}">${toXml(name)}</text>`,
    `<text class="dim" x="0" y="${top + 32}">${toXml(about)}; less is better</text>`,
    ...bars,
  ]
}

function toXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
