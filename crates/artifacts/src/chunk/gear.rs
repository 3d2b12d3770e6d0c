//! The table of the rolling hash, one random word for each byte value.

/// The words of `gear-1`: entry `i` is the first 8 bytes, little-endian, of the SHA-256 of `"lineal-gear-1\0"` followed
/// by byte `i`.
///
/// Frozen: another table cuts other chunks, so that nothing stored before is found again. It is written out so that it
/// costs nothing to have, and derived from a hash so that nobody had a choice in it.
#[rustfmt::skip]
pub(super) static GEAR: [u64; 256] = [
    0x0b56_83b1_7719_53c1, 0xdb5a_a6ed_38b8_622a, 0x2acf_8d9b_5754_d6ec, 0xf4af_9863_29db_d8d1,
    0x4688_77e7_7d29_17d3, 0xee65_3f7b_62b5_568a, 0x479f_28b4_bf41_09d5, 0x1a2e_df0a_39e6_ab92,
    0x4e22_e10d_38d7_26d3, 0x2ed0_afc3_b726_d88a, 0x21d6_8fc3_e074_5ff1, 0x244c_e954_c1e1_0f9a,
    0xa2d2_2bb2_ff21_9d5e, 0x49e3_3463_25e3_85d2, 0xf9d8_ef60_9578_2360, 0x8f44_c1ad_db12_959e,
    0x2c6a_c77f_29d1_22de, 0x8ca5_f1c8_0cff_ef5b, 0xbe64_d9b8_f40c_a763, 0x0bde_e722_d478_d2c3,
    0x49ea_3060_7791_0247, 0xc3f2_b367_adcf_2a94, 0x5775_73aa_78e5_737f, 0x7e1d_8d27_9160_7d29,
    0x7df8_52b9_be31_7f60, 0x62e5_9e14_1293_c007, 0x9d6b_b1f5_1364_596a, 0x0596_dc4c_0af4_a5c8,
    0x08d3_7e53_e89a_8a32, 0x813f_7ea1_43a8_a3e5, 0xf2f6_6461_dde3_3628, 0xcf81_115e_c6d5_e73b,
    0xc48e_f418_5d57_00e6, 0x5f82_f45c_dc4d_f446, 0x0949_59d2_69b2_a466, 0xb7ca_5b20_17d2_f345,
    0xfe24_ef1a_a18c_f2b2, 0x79b7_7e82_00b7_ec27, 0xe89c_118d_1b5a_5ef1, 0x16c6_e700_427f_97ab,
    0x5cf5_e91b_a58b_aae3, 0x157b_71a1_9ef0_e0dc, 0xa686_e85b_5a9b_7a19, 0x9d4a_4145_68c1_4076,
    0x5018_0212_2ea5_8c8f, 0x5250_69a2_9e07_e9f8, 0xf4eb_bfdc_03af_7863, 0x00ac_adab_86f0_aa9b,
    0xc4b4_042b_b32f_e71e, 0x6ef0_de0d_080a_e0b5, 0xec2a_c060_c649_2226, 0x45dd_2a68_d535_96f8,
    0xe475_f2eb_a710_6385, 0x096a_ba30_a5fe_49f5, 0x109a_7baf_a845_ef58, 0x99a2_eb52_06be_cda5,
    0x8bbf_1da7_e695_a946, 0x5823_24d9_7947_f996, 0xa387_70e6_8d8e_9322, 0x09e9_8c8a_5c7b_c171,
    0x69ff_313d_c426_0bf3, 0x0bdc_f873_f580_554f, 0x6dfd_0054_942c_27e8, 0xf252_5223_511b_5023,
    0x2ed0_a79e_4c34_2b58, 0xbd2f_83a9_5fbe_d4ed, 0x99fd_3659_d62a_ad36, 0x4145_b0a5_bf32_d7f6,
    0x017e_4dde_f676_b40b, 0xd920_1117_cd3d_122c, 0xc999_7b04_0c35_725d, 0xbaee_59da_08b0_78e1,
    0xb6da_7ad7_602e_b81a, 0x5faf_6f0e_2aa9_4be7, 0xd15c_543d_1ab1_e06c, 0x8659_7c6b_b4b2_ad18,
    0xb39b_d093_3763_3e23, 0x8b58_ecde_3aef_48b4, 0xddda_0fbd_fad3_2bee, 0xba50_df55_4e76_13b1,
    0xf604_4c88_c3fe_e6de, 0x7d2e_c9d3_01f4_7d25, 0x16f6_35cd_c8de_a649, 0x5987_7894_65ec_e2a6,
    0x82d2_aa96_92ed_445d, 0x8d9f_c663_421b_3d76, 0xe3c6_73df_5c0d_c5fa, 0x04c6_0053_ae2e_73b6,
    0x89f7_cacb_4aad_0dad, 0xbf09_edfb_6fc6_bbc2, 0x1150_536f_a461_5612, 0x264d_724f_5878_c4f1,
    0x8d68_5e6b_d94e_25b3, 0xa466_2a3f_07ec_db67, 0x7731_4b5c_abff_d5e9, 0x9047_afb3_2e2d_9941,
    0xb48e_c16e_6260_6512, 0xec29_cb5e_2d6f_d2d5, 0x7333_45d5_c9ee_48c5, 0x9d41_f1d2_9f33_f592,
    0x60d6_95c2_343b_ad98, 0xd38a_39fd_766f_0943, 0x2558_9f9c_077c_0259, 0x5d85_1d31_791e_8053,
    0x4107_9b00_4bd1_4d43, 0x23d7_85e8_d56f_f117, 0x68c9_746a_88a4_f8b3, 0xb4e9_bfba_2f65_a9b7,
    0xcaa1_82ae_8f38_032d, 0x7d0e_6035_6fa8_6aef, 0xd2d2_2505_bb26_7d20, 0xdeb5_2d96_f388_b2bb,
    0x150b_3302_4464_81a4, 0x8b5c_548b_22d2_0842, 0x5e33_3e8d_4c25_9345, 0x2287_a6a7_6249_0aa7,
    0x1796_76b8_9042_5bec, 0x8295_c6e4_298d_0d58, 0x160e_8e1c_923a_790d, 0x137d_9af2_4a1a_0439,
    0x437b_096d_1742_ffc5, 0x47f9_5229_a6b2_58c1, 0xca07_0984_6f9e_9008, 0x0757_853a_d854_7ba3,
    0x0377_929e_b374_81cc, 0x02b5_c216_0d08_f8ae, 0x9202_e7e4_d998_5672, 0x4fe4_0daf_a617_2876,
    0x6810_95c4_ac6a_fd26, 0x5d38_1e1e_1184_42a0, 0x5d4e_0c78_3a47_7243, 0xb59f_375d_a107_a3b8,
    0x1fa0_75d2_f102_3809, 0xafda_bbf8_69a3_6796, 0x086c_def4_ddcc_a1c2, 0x1d4d_c0cb_fecd_61d2,
    0xd6a2_1d87_7ec0_06e0, 0x070e_f0bd_ebe5_71b5, 0xc74f_1c40_ccda_eb78, 0x0d4f_ccd8_1626_d84d,
    0x64af_e8b5_55d3_8af0, 0x0fb7_0b23_d8de_7079, 0xeae8_327a_4ae5_35f5, 0xb676_c961_041f_c71b,
    0x98dd_3a32_fcb6_24b1, 0x5ed3_03da_0e42_4f0e, 0x5700_73a1_9c32_d569, 0xc94b_3640_bf7b_a92c,
    0xa972_07f6_9756_2ecf, 0x086b_32ec_1db5_b4c5, 0xba19_5690_1a01_9936, 0x7f2b_4b9c_a5e7_6311,
    0xb9c8_0bbb_c96b_302c, 0x34b2_2d80_30a7_d689, 0x726e_c8b2_b0d5_f83c, 0x0256_8ea0_f906_6670,
    0xe477_5ece_4d76_264a, 0xdd47_0c94_c972_b9e5, 0x4eab_8f34_fbe6_d6d5, 0xe80d_34bb_3663_26a9,
    0x9043_b59e_ed4d_27ad, 0xd784_1b81_24ef_d163, 0xd096_fd8b_4761_586b, 0xa6e9_8963_754b_28c0,
    0x4c7b_4c0c_c90b_858b, 0xce68_c585_4625_c9bd, 0xcb51_ec48_fede_791b, 0x95a1_e0d7_b1f9_c635,
    0xdaf2_1623_c080_4e6d, 0xe5a9_1da9_404d_9abe, 0x4db4_5e4f_cc98_d901, 0x8b87_9bb7_9dbc_6959,
    0xc2e6_4e8f_650a_f57f, 0x1e7d_0112_ea8e_457c, 0x505b_7fc8_2956_a3f0, 0xce94_e36e_3b44_5dd5,
    0x0bfe_6eac_5018_a0c9, 0xe4d1_8712_6063_ad1f, 0x0ec3_60da_8779_ad9d, 0x455e_412f_b7aa_57fb,
    0x0cc5_5eee_1f2e_ab2a, 0x5438_34ed_59df_70e0, 0x2d59_7510_0974_87c1, 0x78b0_382d_52ea_6e09,
    0x465e_9f7c_6ba0_fc2d, 0xf134_c25b_e0fa_c340, 0xe8c9_094e_d3c5_a87f, 0xcb26_f9a6_8017_1745,
    0x8f4c_53db_6443_68f1, 0x53d1_6799_be79_899f, 0xca17_66d7_29c1_a043, 0x6092_18de_d784_0e5b,
    0x646c_495e_69de_773a, 0xa91c_5c39_d085_eaf3, 0xcc0c_b6e3_b4f8_21a1, 0x2142_44ae_f699_97b6,
    0x9c71_6c32_8b13_3914, 0x1137_bfd5_3169_62d1, 0x8721_6411_4ca3_c59a, 0x6810_7b62_e6d5_61ad,
    0xa838_cbbf_fb27_6ba0, 0x8d32_e6ce_b7a9_75ae, 0x7583_c297_951d_e84d, 0xc23b_cf91_4d65_63ba,
    0x0760_6383_31e4_16fc, 0x5ed1_b0a6_7b93_1a98, 0x5723_bc6b_4464_c6ad, 0xf3b9_537e_b3c2_f507,
    0x0945_87b3_29ef_bbb5, 0xb171_ef7c_02d5_6a3c, 0x55f4_3faa_cbc1_6bc8, 0x4d04_32d1_4efa_1725,
    0xe8a0_c8d6_9d47_3650, 0xec3f_10b0_12d9_70fe, 0xf6ed_0f23_63ed_ea04, 0x5b9a_4400_6505_75e0,
    0x9a32_1577_a30c_025a, 0x1e4a_f5bb_0f55_d684, 0xd1e9_64f4_0ad3_5768, 0xd974_fb88_bd66_a022,
    0xa2a7_6eca_5fc9_253d, 0xdc3f_6685_261f_30de, 0x57a8_4ab4_934a_66a5, 0x48fe_b760_bbf9_af88,
    0x1542_3938_eda5_71bd, 0x6509_6292_76a8_583d, 0xab5d_28b1_2a6d_ec81, 0x6b03_691e_27eb_6c0c,
    0x56ac_5330_6dd7_2da3, 0x3d21_ace7_90d7_c38a, 0x0eff_563c_82cf_6ffb, 0x66ff_b653_6ba9_886a,
    0xef86_7d36_a8cc_26fd, 0xcb70_19df_aa83_ca63, 0xc607_2881_e693_4fc1, 0xfb3c_b442_3385_6151,
    0xa3df_7c77_d257_2f76, 0x8bdb_798d_2f16_03d3, 0xd8ec_0374_62eb_0d5f, 0x678a_c06d_838f_d94e,
    0xe407_79b6_cd3c_dae4, 0x2bcd_91c4_fb16_9db6, 0x7408_214d_76c7_a247, 0x350f_4a58_02d1_5d50,
    0x0456_f4d0_e5fa_ad0f, 0x7036_3eb5_f92e_bf19, 0xafa0_de75_5396_515b, 0xc3ff_61b7_5848_02e6,
    0xe85c_f25b_35fe_319a, 0xad48_5a58_8ce3_9df3, 0xd636_3578_dc3b_8e18, 0xd01e_1703_a0c6_bb99,
    0x3f5f_112e_da19_d6c7, 0x1793_ddee_a971_dcf6, 0x60ad_9e30_394f_d741, 0x6e78_5e2b_cace_d9b6,
];

#[cfg(test)]
mod tests {
    use lineal_core::Digest;

    use super::*;

    #[test]
    fn the_table_is_derived_as_it_says() {
        for (byte, word) in (0..=u8::MAX).zip(GEAR) {
            let digest = Digest::of(&[b"lineal-gear-1\0".as_slice(), &[byte]].concat());
            assert_eq!(digest.as_bytes().first_chunk(), Some(&word.to_le_bytes()), "byte {byte}");
        }
    }

    #[test]
    fn the_table_is_pinned() {
        let bytes: Vec<u8> = GEAR.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(Digest::of(&bytes).to_string(), "07d0d9142c1ee483f02fad12b698d8e4f98e12c73b275381bbc95540200c3d9e");
    }
}
