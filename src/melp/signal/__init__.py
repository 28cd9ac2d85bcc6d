"""Signal processing: preprocessing, filters, resampling, electrodes, R peaks and beats."""
