// Placeholder until the first room of this floor stands.
