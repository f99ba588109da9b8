/** A plain table: its rows, or why there are none. */
import type { ReactNode } from "react";
import { problemText } from "../data/problems";
import "./table.css";

export interface Column<Row> {
  readonly label: string;
  readonly cell: (row: Row) => ReactNode;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
}

export function Table<Row>({
  label,
  columns,
  rows,
  keyOf,
  error,
  empty,
}: {
  label: string;
  columns: readonly Column<Row>[];
  /** Undefined while they are read. */
  rows: readonly Row[] | undefined;
  keyOf: (row: Row) => string;
  error: unknown;
  /** What stands there without rows. */
  empty: string;
}) {
  if (error !== null && !rows)
    return (
      <p className="danger" role="alert">
        {problemText(error)}
      </p>
    );
  if (!rows) return <div className="skeleton" style={{ width: 240, marginTop: 16 }} />;
  if (rows.length === 0) return <p className="fg1">{empty}</p>;
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={label}>
      <table className="plain-table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.label} scope="col" className={column.isNumber ? "num" : undefined}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.label} className={column.isNumber ? "num" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
