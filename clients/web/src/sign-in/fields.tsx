/** Labelled fields of forms. */
import { useId } from "react";
import { Icon } from "../parts/icon";

export interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  autoComplete?: string;
  /** Why the value was refused; empty if it was not. */
  problem?: string;
  hint?: string;
}

export function TextField(props: FieldProps & { type?: "text" | "email"; required?: boolean }) {
  return <Field {...props} type={props.type ?? "text"} />;
}

export function PasswordField(props: FieldProps) {
  return <Field {...props} type="password" required />;
}

function Field({
  label,
  value,
  onChange,
  autoComplete,
  problem,
  hint,
  type,
  required,
}: FieldProps & { type: string; required?: boolean }) {
  const id = useId();
  return (
    <>
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="field"
        type={type}
        value={value}
        required={required}
        autoComplete={autoComplete}
        aria-describedby={problem || hint ? `${id}-note` : undefined}
        aria-invalid={problem ? true : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {problem ? (
        <p id={`${id}-note`} className="field-error" role="alert">
          <Icon name="warn" />
          {problem}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="t12 fg2" style={{ marginTop: 6 }}>
            {hint}
          </p>
        )
      )}
    </>
  );
}
