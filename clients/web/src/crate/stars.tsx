/** A rating of one to five stars; choosing the same one again removes it. */

import { Icon } from "../parts/icon";

export function Stars({
  rating,
  onRating,
}: {
  rating: number | null;
  onRating: (rating: number | null) => void;
}) {
  return (
    <span
      className="stars"
      role="group"
      aria-label={`Rating: ${rating ? `${rating} of 5` : "none"}`}
    >
      {[1, 2, 3, 4, 5].map((stars) => (
        <button
          key={stars}
          type="button"
          aria-label={`Rate ${stars}`}
          aria-pressed={rating === stars}
          onClick={() => onRating(rating === stars ? null : stars)}
        >
          <Icon name="star" {...(rating !== null && stars <= rating && { className: "filled" })} />
        </button>
      ))}
    </span>
  );
}
