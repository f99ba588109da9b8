"""Jobs over subjects: submission, claims, transitions, outcomes and the policy of retries."""
