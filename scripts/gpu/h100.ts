/** The GPU as XLA describes one (stream_executor.GpuTargetConfigProto); numbers of NVIDIA's H100 SXM. */
const CONFIG = `
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  shared_memory_per_block: 49152 shared_memory_per_core: 233472 shared_memory_per_block_optin: 232448
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84929347584
  cuda_compute_capability { major: 9 }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: CUDA_MAJOR minor: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
`;

/** The description for a plugin of that CUDA. */
export const h100 = (cudaMajor: 12 | 13): string => CONFIG.replace('CUDA_MAJOR', String(cudaMajor));
