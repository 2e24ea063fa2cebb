"""What is wrong with a policy that its rules are no errors of: findings, each with its proof."""
