"""Days of a watched fleet under the shipped rules: nobody is woken for nothing."""
